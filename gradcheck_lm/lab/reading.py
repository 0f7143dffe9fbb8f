"""Reading lines with a recogniser, and how good the reading is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.lab.data import LineData
from gradcheck_lm.lab.metrics import LineErrors, character_errors, length_ratio, word_errors
from gradcheck_lm.lm import LanguageModel


@torch.no_grad()
def read(model: nn.Module, data: LineData, charset: Charset, *, chunk: int = 32) -> list[str]:
    """Greedy readings of all lines, in order; the model's mode is put back afterwards."""
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    readings: list[str] = []
    for batch in data.chunks(chunk, device):
        readings += greedy_decode(model(batch.images), charset)
    model.train(training)
    return readings


@dataclass(frozen=True)
class Quality:
    """How well some lines are read. Rates are fractions; `lm` is nats per character of what was read."""

    readings: list[str]
    characters: LineErrors
    words: LineErrors
    length_ratio: float
    lm: float | None

    @property
    def cer(self) -> float:
        """Character error rate, micro average."""
        return self.characters.rate

    @property
    def wer(self) -> float:
        """Word error rate, micro average."""
        return self.words.rate

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {"cer": self.cer, "wer": self.wer, "length_ratio": self.length_ratio, "lm": self.lm}


def nats_per_character(language_model: LanguageModel, texts: list[str]) -> float:
    """Sum of nats over sum of characters; per token would saturate where the text is garbage."""
    return float(language_model.nll(texts).sum()) / max(1, sum(map(len, texts)))


def measure(model: nn.Module, data: LineData, charset: Charset, language_model: LanguageModel | None = None) -> Quality:
    """Read all lines and compare them with their labels."""
    readings = read(model, data, charset)
    return Quality(
        readings=readings,
        characters=character_errors(data.texts, readings),
        words=word_errors(data.texts, readings),
        length_ratio=length_ratio(data.texts, readings),
        lm=nats_per_character(language_model, readings) if language_model is not None else None,
    )
