"""A language model that fuses into a beam, for penalties that draw from one."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import torch
from penalties_fakes import random_logits


class TinyAutomaton(SimpleNamespace):
    """A bigram over the characters: state 0 is the start, state i + 1 follows character i."""

    def __init__(self, characters: int, seed: int = 0):
        numbers = random_logits(characters + 1, characters + 1, seed=seed)
        cost = -numbers.log_softmax(-1)
        super().__init__(
            start=0,
            next_state=torch.arange(1, characters + 1).expand(characters + 1, -1),
            cost=cost[:, :-1],
            end_cost=cost[:, -1],
        )

    def nats(self, string) -> float:
        states = [0, *string]
        moves = sum(self.cost[a, b - 1].item() for a, b in itertools.pairwise(states))
        return moves + self.end_cost[states[-1]].item()


class Ngram:
    """What a language model with `automaton(charset)` looks like from here."""

    def automaton(self, charset):
        assert charset.characters
        return TinyAutomaton(len(charset.characters))


FUSED = {"proposals": "fused_beam", "fusion": Ngram(), "fusion_weight": 1.5, "length_bonus": 1.0}
