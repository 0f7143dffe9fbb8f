"""What stands in a dot text of an autograd graph, and a long chain to draw."""

from __future__ import annotations

import re

import torch
from torch import nn


def boxes(text: str) -> dict[str, str]:
    """Number -> label."""
    return dict(re.findall(r'^  (\d+) \[label="((?:[^"\\]|\\.)*)"', text, re.MULTILINE))


def arrows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^  (\d+) -> (\d+)", text, re.MULTILINE)


def chain(length: int) -> tuple[torch.Tensor, nn.Parameter]:
    weight = nn.Parameter(torch.ones(2))
    value = weight * 1.0
    for _ in range(length):
        value = value + 0.5
    return value.sum(), weight
