"""Lines that vanish while a recogniser is trained on them."""

from __future__ import annotations

from typing import Any

from gradcheck_lm.errors import DataError
from gradcheck_lm.lab.lines.data import Batch


class Vanishing:
    """Lines whose folder is gone from a step on."""

    def __init__(self, data: Any, step: int) -> None:
        self.data, self.step = data, step

    def __len__(self) -> int:
        return len(self.data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def batch(self, step: int, *arguments: Any, **options: Any) -> Batch:
        if step >= self.step:
            raise DataError("lines/a.png is missing: bring the folder back")
        return self.data.batch(step, *arguments, **options)
