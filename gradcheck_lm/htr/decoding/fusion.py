"""A language model of characters as a table, and what it adds to the prefixes of a beam.

Axes: N lines, B prefixes in the beam, C classes (class 0 is the blank), A = C - 1 characters, S states.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr.ctc import BLANK


class FusionAutomaton(Protocol):
    """A language model of characters as a table: a state, what each character costs there, and where it leads.

    Attributes:
        start: the state of the empty prefix.
        next_state: (S, A) long, the state after each character.
        cost: (S, A) float, nats that each character costs in each state; inf forbids it.
        end_cost: (S,) float, nats that ending the text costs in each state.
    """

    @property
    def start(self) -> int: ...
    @property
    def next_state(self) -> Tensor: ...
    @property
    def cost(self) -> Tensor: ...
    @property
    def end_cost(self) -> Tensor: ...


class Fusion:
    """An automaton on the device of a search: what each further character, or the end, adds to a prefix's score.

    Args:
        fusion: the automaton; None, or a weight of 0: only the length bonus is added.
        weight: of the automaton's cost, no unit; length_bonus: nats a character.
        log_probs: (T, N, C) float, of the search: for the device, the dtype and the number of classes.
    Raises:
        ArgumentError: a negative weight, or one that is not finite; costs of NaN or -inf. ShapeError: not A characters.
    """

    def __init__(self, fusion: FusionAutomaton | None, weight: float, length_bonus: float, log_probs: Tensor) -> None:
        if not (math.isfinite(weight) and weight >= 0 and math.isfinite(length_bonus)):
            raise ArgumentError(
                f"fusion_weight is {weight} and length_bonus {length_bonus}: give a finite weight of at least 0 and a "
                "finite bonus."
            )
        self.length_bonus = log_probs.new_full((1, 1, 1), length_bonus)
        self.weight = weight
        self.start = 0
        self.cost: Tensor | None = None
        if fusion is None or weight == 0:
            return
        characters = log_probs.shape[2] - 1
        states = len(fusion.next_state)
        shapes = [tuple(table.shape) for table in (fusion.next_state, fusion.cost, fusion.end_cost)]
        if shapes != [(states, characters), (states, characters), (states,)]:
            raise ShapeError(
                f"the automaton's next_state, cost and end_cost are {shapes}; logits of C = {characters + 1} classes "
                f"want (S, {characters}), (S, {characters}) and (S,): make it for the recogniser's own charset."
            )
        self.start = fusion.start
        self.cost = fusion.cost.to(log_probs)
        self.end_cost = fusion.end_cost.to(log_probs)
        if not bool((self.cost > -math.inf).all() and (self.end_cost > -math.inf).all()):
            raise ArgumentError("the automaton's cost or end_cost holds NaN or -inf: costs are numbers, or +inf.")
        self.next_state = fusion.next_state.to(log_probs.device)

    def growth(self, state: Tensor) -> Tensor:
        """(N, B, C), or (1, 1, 1) where it is the same for all: what each class adds; the blank's is never used."""
        if self.cost is None:
            return self.length_bonus
        return F.pad(self.length_bonus - self.weight * self.cost[state], (1, 0))

    def follow(self, state: Tensor, added: Tensor) -> Tensor:
        """(N, B) the state after the added class; 0 adds nothing."""
        if self.cost is None:
            return state
        return torch.where(added == BLANK, state, self.next_state[state, (added - 1).clamp_min(0)])

    def end(self, state: Tensor) -> Tensor | float:
        return 0.0 if self.cost is None else self.weight * self.end_cost[state]
