"""A back-off n-gram as a deterministic automaton: states are contexts, every character leads from state to state."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gradcheck_lm.errors import LanguageModelError
from gradcheck_lm.lm.ngrams.ngram_counts import Symbols, Tables


@dataclass(frozen=True)
class Automaton:
    """What a character costs in which state, and which state comes next. Exact, not an approximation of the model.

    Axes: S states, A characters. Memory: S * A * 12 bytes with float32 costs, 16 with float64.

    Attributes:
        start: state at the begin of a line.
        next_state: (S, A) long.
        cost: (S, A) float, nats: -log p(character | state).
        end_cost: (S,) float, nats of the line's end; 0 for a model that knows no end.
        characters: the A characters, in the order of the columns.
        order: symbols in the longest n-gram; a state holds at most the last order - 1 characters.
    """

    start: int
    next_state: Tensor
    cost: Tensor
    end_cost: Tensor
    characters: str
    order: int

    @property
    def states(self) -> int:
        return len(self.next_state)

    @property
    def device(self) -> torch.device:
        return self.cost.device

    def to(self, device: torch.device | str) -> Automaton:
        """The same automaton on another device."""
        next_state, cost, end_cost = (tensor.to(device) for tensor in (self.next_state, self.cost, self.end_cost))
        return replace(self, next_state=next_state, cost=cost, end_cost=end_cost)


def build_automaton(
    tables: Tables, symbols: Symbols, characters: str, *, dtype: torch.dtype, memory: int, name: str
) -> Automaton:
    """Make the automaton of all contexts that these characters can lead to; on the CPU.

    Characters that the model does not know cost what its unknown one costs.

    Raises:
        LanguageModelError: it would take more than `memory` bytes.
    """
    known = {character: number for number, character in enumerate(symbols.characters)}
    column_symbols = torch.tensor([known.get(character, symbols.unknown) for character in characters])
    wanted = torch.unique(column_symbols)
    events = wanted if symbols.end is None else torch.cat([wanted, torch.tensor([symbols.end])])
    contexts, kept = _reachable(tables, symbols, wanted)
    states = sum(map(len, contexts))
    needed = states * len(characters) * (8 + dtype.itemsize)
    if needed > memory:
        raise LanguageModelError(
            f"the automaton of {name!r} has {states} states; with {len(characters)} characters it takes "
            f"{needed / 1e6:.0f} MB, and {memory / 1e6:.0f} MB are allowed: ask for a lower order=, train with a "
            "higher smallest_count, or pass memory="
        )
    column = torch.full((symbols.size,), -1)
    column[events] = torch.arange(len(events))
    offsets = torch.tensor([0, *map(len, contexts)]).cumsum(0).tolist()
    cost = torch.empty(states, len(events), dtype=dtype)
    following = torch.zeros(states, len(events), dtype=torch.long)
    for length, codes in enumerate(contexts):
        if not len(codes):
            break
        rows = slice(offsets[length], offsets[length + 1])
        if length:  # a shorter context's row, and then what this context has seen itself
            shorter = offsets[length - 1] + torch.searchsorted(
                contexts[length - 1], codes % symbols.size ** (length - 1)
            )
            backoff = tables.backoffs[length][kept[length]].to(dtype)
            cost[rows] = cost[shorter] - backoff[:, None]
            following[rows] = following[shorter]
        here, target = _entries(tables.codes[length], codes, symbols, column)
        cost[offsets[length] + here[1], target] = -tables.log_probs[length][here[0]].to(dtype)
        if length + 1 < len(contexts):
            here, target = _entries(contexts[length + 1], codes, symbols, column)
            following[offsets[length] + here[1], target] = offsets[length + 1] + here[0]
    begun = torch.searchsorted(contexts[1], symbols.begin) if len(contexts) > 1 else torch.tensor(0)
    at_begin = len(contexts) > 1 and int(begun) < len(contexts[1]) and int(contexts[1][begun]) == symbols.begin
    columns = column[column_symbols]
    return Automaton(
        start=1 + int(begun) if at_begin else 0,
        next_state=following[:, columns],
        cost=cost[:, columns],
        end_cost=cost.new_zeros(states) if symbols.end is None else cost[:, -1].clone(),
        characters=characters,
        order=tables.order,
    )


def _reachable(tables: Tables, symbols: Symbols, wanted: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The contexts of wanted symbols (the first may be the begin), by length; and which of the tables' they are."""
    usable = torch.zeros(symbols.size, dtype=torch.bool)
    usable[wanted] = True
    contexts, kept = [], []
    for length, codes in enumerate(tables.contexts):
        keep = torch.ones(len(codes), dtype=torch.bool)
        for place in range(length):
            digit = codes // symbols.size**place % symbols.size
            keep &= usable[digit] | ((digit == symbols.begin) if place == length - 1 else False)
        contexts.append(codes[keep])
        kept.append(keep)
    return contexts, kept


def _entries(codes: Tensor, contexts: Tensor, symbols: Symbols, column: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Of n-grams: which have a wanted last symbol and a wanted context; that context's place; the symbol's column."""
    before = codes // symbols.size
    place = torch.searchsorted(contexts, before).clamp_max(len(contexts) - 1)
    target = column[codes % symbols.size]
    fitting = ((contexts[place] == before) & (target >= 0)).nonzero()[:, 0]
    return (fitting, place[fitting]), target[fitting]
