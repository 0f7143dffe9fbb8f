"""Character edits a line, greedy and fused with a character n-gram at decoding time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.ctc import greedy_decode, to_strings
from gradcheck_lm.htr.ctc_beam import prefix_beam
from gradcheck_lm.htr.fusion import FusionAutomaton
from gradcheck_lm.lab.data import LineData
from gradcheck_lm.lab.metrics import character_errors

CHUNK = 64  # lines at a time


@dataclass(frozen=True)
class Decoding:
    """How readings are fused: the bar that training has to beat.

    Args:
        automaton: of a character n-gram, made for the recogniser's charset.
        weight: of its cost, no unit; length_bonus: nats a character; beam: prefixes.
    """

    automaton: FusionAutomaton
    weight: float
    length_bonus: float
    beam: int = 16

    def read(self, logits: Tensor, charset: Charset) -> list[str]:
        """The best string of each line of logits (T, N, C)."""
        found = prefix_beam(
            logits,
            beam=self.beam,
            fusion=self.automaton,
            fusion_weight=self.weight,
            length_bonus=self.length_bonus,
        )
        return to_strings(found.ids[:, 0], found.target_lengths[:, 0], charset)


@torch.no_grad()
def read_both(model: CRNN, data: LineData, charset: Charset, decoding: Decoding) -> dict[str, list[str]]:
    """Greedy and fused readings of all lines, in eval mode."""
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    found: dict[str, list[str]] = {"greedy": [], "fused": []}
    for batch in data.chunks(CHUNK, device):
        logits = model(batch.images)
        found["greedy"] += greedy_decode(logits, charset)
        found["fused"] += decoding.read(logits, charset)
    model.train(training)
    return found


def edits(texts: list[str], readings: dict[str, list[str]]) -> dict[str, list[int]]:
    """Edits a line by way of reading."""
    return {name: character_errors(texts, found).edits.tolist() for name, found in readings.items()}


def lengths(texts: list[str]) -> list[int]:
    """Reference characters a line."""
    return character_errors(texts, texts).lengths.tolist()


def rates(texts: list[str], readings: dict[str, list[str]]) -> dict[str, Any]:
    """Character error rates by way of reading, for messages."""
    return {name: round(character_errors(texts, found).rate, 4) for name, found in readings.items()}
