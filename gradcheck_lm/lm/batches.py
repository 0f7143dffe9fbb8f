"""Texts into batches: checked, sorted by length, padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError


def length_batches(lengths: Sequence[int], *, limit: int, start: int = 64) -> list[list[int]]:
    """Indices of sequences with at least two tokens, in batches of like length, at the least cost there is.

    Args:
        lengths: tokens in each sequence.
        limit: a batch holds at most so many tokens with padding (or one sequence).
        start: tokens that take as long as starting one more batch; padding is worth its place below that.
    """
    order = sorted((index for index, length in enumerate(lengths) if length > 1), key=lambda index: lengths[index])
    ends = [n for n in range(1, len(order) + 1) if n == len(order) or lengths[order[n]] > lengths[order[n - 1]]]
    # the least cost of the first `end` sequences, and where its last batch begins
    best: dict[int, tuple[int, int]] = {0: (0, 0)}
    for end in ends:
        longest = lengths[order[end - 1]]
        best[end] = min((cost + start + longest * (end - first), first) for first, (cost, _) in best.items())
    batches: list[list[int]] = []
    end = len(order)
    while end:
        first = best[end][1]
        rows = max(1, limit // lengths[order[end - 1]])
        batches += [order[max(first, stop - rows) : stop] for stop in range(end, first, -rows)]
        end = first
    return batches[::-1]


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
