"""Training text for the character model: one long stream of tokens, and windows of it that begin where words begin."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gradcheck_lm.lm.tokens import CharacterTokens


def token_stream(texts: Sequence[str], tokens: CharacterTokens) -> Tensor:
    """All texts end to end, a begin-of-text token before each."""
    ids: list[int] = []
    for encoded in tokens.encode(texts):
        ids += [tokens.begin, *encoded]
    return torch.tensor(ids, dtype=torch.long)


def word_starts(stream: Tensor, tokens: CharacterTokens, *, longest: int) -> Tensor:
    """Where a window may start: at a space or after one, and at a paragraph's first character."""
    space = tokens.characters.find(" ")
    parting = (stream == space) | (stream == tokens.begin)
    starts = parting.nonzero()[:, 0]
    starts = torch.cat([starts[stream[starts] == space], starts + 1])
    starts = starts[starts < len(stream) - longest]
    return starts if len(starts) else torch.arange(len(stream) - longest)


def windows(
    stream: Tensor, starts: Tensor, *, batch: int, window: int, tokens: CharacterTokens, generator: torch.Generator
) -> Tensor:
    """(batch, window) token ids: text from where a word begins, four fifths of it after a begin-of-text token."""
    chosen = starts[torch.randint(len(starts), (batch,), generator=generator)]
    ids = stream[chosen[:, None] + torch.arange(window)]
    bare = torch.rand(batch, generator=generator) < 0.2
    led = torch.cat([torch.full((batch, 1), tokens.begin), ids[:, :-1]], 1)
    ids = torch.where(bare[:, None], ids, led)
    # a few unknown characters, so that the token for them is trained
    strange = torch.rand(ids.shape, generator=generator) < 0.001
    return ids.masked_fill(strange & (ids != tokens.begin), tokens.unknown)
