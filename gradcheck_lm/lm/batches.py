"""Texts into batches: checked, sorted by length, padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError


def length_batches(lengths: Sequence[int], *, limit: int, slack: int = 64) -> list[list[int]]:
    """Indices of sequences with at least two tokens, in batches of like length.

    A batch holds at most `limit` tokens with padding (or one sequence), and padding is at most an eighth of it plus
    `slack` tokens: about what starting one more batch would cost.
    """
    order = sorted((index for index, length in enumerate(lengths) if length > 1), key=lambda index: lengths[index])
    batches: list[list[int]] = []
    real = 0
    for index in order:
        longest = lengths[index]
        padded = longest * (len(batches[-1]) + 1) if batches else 0
        real += longest
        if not batches or padded > limit or padded - real > padded // 8 + slack:
            batches.append([])
            real = longest
        batches[-1].append(index)
    return batches


def pad(sequences: list[list[int]], *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, L) padded on the right with each row's own last token, and the mask (B, L) of what is real."""
    longest = max(map(len, sequences))
    ids = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in sequences], dtype=torch.long)
    lengths = torch.tensor([len(row) for row in sequences])
    mask = torch.arange(longest) < lengths[:, None]
    return ids.to(device), mask.to(device)


def check_texts(texts: Sequence[str]) -> None:
    """Raise ArgumentError where a single string, or something that is no string, was passed for a list of strings."""
    if isinstance(texts, (str, bytes)):
        raise ArgumentError(f"texts must be a list of strings, got one string {texts!r:.60}; wrap it: [text]")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise ArgumentError(f"texts[{position}] is {_kind(text)}, not a string; decode it first")


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
