"""N-gram models for penalties, and a black box with any automaton at all."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel, train_ngram

TEXTS = ["abcab", "cab", "bba a", "aabcc", "acb", "b", "cc"]


def ngram(order=3, *, lines=True, characters="abc", dtype=torch.float64, texts=TEXTS) -> NgramModel:
    model = train_ngram(texts, NgramConfig(order=order, characters=characters, lines=lines))
    return NgramModel(model.tables, model.config, dtype=dtype)


class Machine:
    """A black box with any automaton at all: random states, random costs, nothing of an n-gram."""

    def __init__(self, states=5, characters=3, seed=0, start=1):
        source = torch.Generator().manual_seed(seed)
        self.table = SimpleNamespace(
            start=start,
            next_state=torch.randint(states, (states, characters), generator=source),
            cost=4 * torch.rand(states, characters, generator=source, dtype=torch.float64),
            end_cost=2 * torch.rand(states, generator=source, dtype=torch.float64),
        )

    def automaton(self, charset):
        return self.table

    def score(self, texts):
        raise AssertionError("nothing is asked of the language model")
