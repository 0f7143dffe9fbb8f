"""The expected cost of a CTC line under an n-gram, exactly: dynamic programming over (context, last frame blank).

Axes: T frames, N lines, C classes, A = C - 1 characters, S states of the automaton, P places, R rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, LanguageModelError


@dataclass(frozen=True)
class Walk:
    """An automaton with the last character written beside its state: what CTC's collapse has to know.

    CTC merges a repeated class into the character before it. So a frame's meaning depends on the last character (which
    the automaton's state alone does not always tell: unseen contexts share a state) and on whether the last frame was
    blank. A place is a pair (state, last class); it is doubled by "last frame blank" in the recursion.

    Places lead on by their state only, and most states of an n-gram lead to the same places as a shorter context, so
    the few distinct rows are kept once: 1 for a bigram, about A for a trigram.

    Attributes:
        start: the place before the first character; no character leads to it.
        label: (P,) long, class of the last character; 0 at `start`.
        cost: (P, A) float, nats of each next character.
        end: (P,) float, nats of the end; 0 at `start`, for the empty text costs nothing in this package.
        row: (P,) long, each place's row in `target`.
        target: (R, A) long, the place that each character leads to.
    """

    start: int
    label: Tensor
    cost: Tensor
    end: Tensor
    row: Tensor
    target: Tensor

    @property
    def places(self) -> int:
        return len(self.label)

    def to(self, device: torch.device, dtype: torch.dtype) -> Walk:
        integers = (tensor.to(device) for tensor in (self.label, self.row, self.target))
        label, row, target = integers
        return Walk(self.start, label, self.cost.to(device, dtype), self.end.to(device, dtype), row, target)

    def again(self) -> tuple[Tensor, Tensor]:
        """Cost (P, 1) and place (P,) of the last character written once more; any numbers at `start`."""
        places, column = torch.arange(self.places, device=self.label.device), (self.label - 1).clamp_min(0)
        return self.cost[places, column][:, None], self.target[self.row, column]


def make_walk(automaton: Any, characters: str) -> Walk:
    """Pair an automaton's states with the last character.

    Raises:
        LanguageModelError: the automaton has another form, an infinite cost, or states out of range.
    """
    following, cost, end, start = _checked(automaton, characters)
    count = following.shape[1]
    codes = following * count + torch.arange(count, device=following.device)
    pairs, target = torch.unique(codes, return_inverse=True)
    rows, row_of_state = torch.unique(target, dim=0, return_inverse=True)
    state = torch.cat([pairs // count, pairs.new_tensor([start])])
    label = torch.cat([pairs % count + 1, pairs.new_zeros(1)])
    end = end[state]
    end[-1] = 0
    return Walk(len(pairs), label, cost[state], end, row_of_state[state], rows)


def _checked(automaton: Any, characters: str) -> tuple[Tensor, Tensor, Tensor, int]:
    try:
        following, cost, end = automaton.next_state, automaton.cost, automaton.end_cost
        start = int(automaton.start)
        forms = [tuple(tensor.shape) for tensor in (following, cost, end)]
    except (AttributeError, TypeError, ValueError) as error:
        raise LanguageModelError(
            f"the language model's automaton is {type(automaton).__name__!r} and lacks a part ({error}): it needs "
            "start, next_state (S, A), cost (S, A) and end_cost (S,)"
        ) from error
    count = len(characters)
    states = forms[0][0] if forms[0] else 0
    if states < 1 or forms != [(states, count), (states, count), (states,)]:
        raise LanguageModelError(
            f"the automaton's next_state, cost and end_cost have the shapes {forms}; with {count} characters they must "
            f"be (S, {count}), (S, {count}) and (S,)"
        )
    if not 0 <= start < states or int(following.min()) < 0 or int(following.max()) >= states:
        raise LanguageModelError(f"the automaton has {states} states, and its start or next_state names another one")
    if not bool(cost.isfinite().all() and end.isfinite().all()):
        raise LanguageModelError(
            "the automaton has an infinite or NaN cost: every line gives every text some probability, so the expected "
            "cost would be infinite; smooth the model, or cap its costs"
        )
    return following.long(), cost, end, start


def expected_cost(probs: Tensor, walk: Walk) -> Tensor:
    """Expected summed cost of the collapsed text, over all paths of each line.

    It is computed from the last frame back: what is still to come from a place is a mean of what is to come from the
    next ones. These are nats, not likelihoods of whole paths, so nothing underflows, however many frames there are.

    Args:
        probs: (T, N, C) float, frame posteriors that sum to 1; a frame that does not count is a sure blank.
        walk: on the same device, of the same dtype.
    Returns:
        (N,) float, nats.
    Gradient: exact, once, up to one number a frame and line that is added for all classes alike, which any softmax
        below removes; costs one more pass. Keeps 2 * T * P * N numbers for it.
    """
    value: Tensor = _ExpectedCost.apply(probs, walk)  # type: ignore[no-untyped-call]
    return value


def expected_length(probs: Tensor) -> Tensor:
    """Expected number of characters of the collapsed text, (N,); a frame adds one unless the frame before was the same.

    Gradient: exact.
    """
    characters = probs[:, :, 1:]
    return characters.sum((0, 2)) - (characters[1:] * characters[:-1]).sum((0, 2))


class _ExpectedCost(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, probs: Tensor, walk: Walk) -> Tensor:
        frames, lines, _ = probs.shape
        kept = probs.new_empty(frames, 2, walk.places, lines) if ctx.needs_input_grad[0] else None
        again_cost, again = walk.again()
        # what is to come after frame t, where frame t was a blank, and where it was not
        blank = walk.end[:, None].expand(-1, lines)
        char = blank
        for frame in range(frames - 1, -1, -1):
            if kept is not None:
                kept[frame, 0], kept[frame, 1] = blank, char
            chance_of_blank, chance, own = _chances(probs[frame], walk)
            ahead = _along_rows(own * char, walk).sum(1)[walk.row]
            blank = chance_of_blank * blank + walk.cost @ chance + ahead
            # the last class once more is no new character unless a blank stands between
            char = blank + own * (char - again_cost - char[again])
        ctx.walk = walk
        ctx.save_for_backward(probs, *([] if kept is None else [kept]))
        return blank[walk.start].clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        if torch.is_grad_enabled():  # a constant here would make second derivatives wrong without a word
            raise ArgumentError(
                "the expected cost of an n-gram can be differentiated once only; leave create_graph=True out"
            )
        probs, kept = ctx.saved_tensors
        walk: Walk = ctx.walk
        gradient = torch.empty_like(probs)
        again_cost, again = walk.again()
        # chance of being at a place before frame t, the last frame having been a blank or not
        blank = probs.new_zeros(walk.places, probs.shape[1])
        blank[walk.start] = 1
        char = torch.zeros_like(blank)
        for frame, (after_blank, after_char) in enumerate(kept):
            chance_of_blank, _, own = _chances(probs[frame], walk)
            # what all places have in common is left out: in float32 it would swamp what sets the classes apart
            common = after_blank[walk.start]
            after_blank, after_char = after_blank - common, after_char - common
            here = blank + char
            in_row = here.new_zeros(len(walk.target), here.shape[1]).index_add_(0, walk.row, here)
            towards = (in_row[:, None] * _along_rows(after_char, walk)).sum(0) + walk.cost.T @ here
            merged = torch.zeros_like(probs[frame].T).index_add_(
                0, walk.label, char * (after_char - again_cost - after_char[again])
            )
            gradient[frame, :, 0] = (here * after_blank).sum(0)
            gradient[frame, :, 1:] = (towards + merged[1:]).T
            arriving = _spread(in_row, walk).index_add_(0, again, -char)
            blank, char = chance_of_blank * here, own * (arriving + char)
        return gradient * grad[:, None], None


def _chances(probs: Tensor, walk: Walk) -> tuple[Tensor, Tensor, Tensor]:
    """Of one frame's posteriors (N, C): the blank's (N,), the characters' (A, N), that of each place's label (P, N)."""
    chances = probs.T
    own = torch.cat([torch.zeros_like(chances[:1]), chances[1:]])[walk.label]
    return chances[0], chances[1:], own


def _along_rows(values: Tensor, walk: Walk) -> Tensor:
    """(R, A, N): the values (P, N) of the places that each row leads to."""
    rows, count = walk.target.shape
    return values.index_select(0, walk.target.flatten()).view(rows, count, -1)


def _spread(values: Tensor, walk: Walk) -> Tensor:
    """(P, N): the values (R, N) of the rows, added up at each place that they lead to."""
    rows, count = walk.target.shape
    spread = values[:, None].expand(-1, count, -1).reshape(rows * count, -1)
    return values.new_zeros(walk.places, values.shape[1]).index_add_(0, walk.target.flatten(), spread)
