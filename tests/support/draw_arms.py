"""Every penalty of the laboratory as an arm of the story: a linear recogniser, CTC, and a language model of a few
numbers, so that what torch calls its operations is the same on every processor."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from penalties_fakes import ABC, TinyLM, generator, objective_of, random_logits
from torch import Tensor, nn
from torch.nn import functional as F

from gradcheck_lm.penalties import PENALTIES, make_penalty

LABELS = ["ab", "cab", "bb", "aac"]
ARMS = tuple(PENALTIES)
BROKEN = tuple(name for name, penalty in PENALTIES.items() if penalty.kind == "none")


class Recogniser(nn.Module):
    """Parameters in front of the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = nn.Parameter(random_logits(9, 4, 4, seed=3))
        self.head = nn.Linear(4, 4, dtype=torch.float64)

    def forward(self) -> Tensor:
        return self.head(self.frames)


def make(arm: str) -> tuple[Recogniser, Callable[[], dict[str, Tensor]]]:
    """The recogniser, and a function that computes the two loss terms of one step."""
    torch.manual_seed(2)
    recogniser = Recogniser()
    penalty = make_penalty(arm, TinyLM(), ABC, objective=objective_of(arm))
    targets = torch.tensor([ABC.characters.index(character) + 1 for text in LABELS for character in text])
    lengths = torch.tensor([len(text) for text in LABELS])

    def step() -> dict[str, Tensor]:
        logits = recogniser()
        frames = torch.full((len(LABELS),), logits.shape[0])
        ctc = F.ctc_loss(logits.log_softmax(-1), targets, frames, lengths)
        return {"ctc": ctc, "lm": 0.1 * penalty(logits, LABELS, generator=generator(1)).loss}

    return recogniser, step


def without_measurements(text: str) -> str:
    """Numbers differ in their last digits from machine to machine, and lines move within a file; what is drawn does
    neither."""
    text = re.sub(r"(gradient norm|value) [-\d.e+]+", r"\1 #", text)
    text = re.sub(r'(class="live", color="#4d4d4d", penwidth=)"[\d.]+"', r'\1"#"', text)
    text = re.sub(r"(\w\.py):\d+", r"\1:#", text)
    return re.sub(r"(?m)^(ctc|lm)( +)[\d.e+-]+ +(.*?)[\d.e+-]+( +(alive|DEAD))", r"\1\2# \3#\4", text)
