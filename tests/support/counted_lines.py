"""Lines of ink that count how often one is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from tiny_runs import CHARSET, SMALLEST, WORDS

from gradcheck_lm.htr.lines import Line
from gradcheck_lm.lab.lines.data import LineData

PAPER = np.full((32, 64), 230, np.uint8)


class Pictures:
    """Lines of ink that differ, and how often one was looked at."""

    def __init__(self, count: int) -> None:
        self.looked = 0
        self.lines = [Line(self._draw, WORDS[i % len(WORDS)], f"line-{i}") for i in range(count)]

    def _draw(self) -> np.ndarray:
        self.looked += 1
        return PAPER

    def data(self, **options: Any) -> LineData:
        return LineData(self.lines, SMALLEST, CHARSET, **options)
