"""A language model that scores no text twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Remembering:
    """A language model that is asked for each text once; for the reference alone, whose time is nobody's figure."""

    def __init__(self, language_model: Any) -> None:
        self.language_model = language_model
        self.known: dict[tuple[str, str], Tensor] = {}

    def score(self, texts: Sequence[str]) -> Tensor:
        """As the language model's."""
        return self._ask("score", texts)

    def nll(self, texts: Sequence[str]) -> Tensor:
        """As the language model's."""
        return self._ask("nll", texts)

    def _ask(self, method: str, texts: Sequence[str]) -> Tensor:
        new = [text for text in dict.fromkeys(texts) if (method, text) not in self.known]
        if new:
            answers = torch.as_tensor(getattr(self.language_model, method)(new)).detach()
            self.known.update(((method, text), answer) for text, answer in zip(new, answers, strict=True))
        return torch.stack([self.known[method, text] for text in texts])
