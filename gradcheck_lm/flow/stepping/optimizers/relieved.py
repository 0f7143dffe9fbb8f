"""Optimizers whose state was loaded and which never step: another one, made after it, has taken their place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Loading
from gradcheck_lm.flow.stepping.recording.callers import Caller
from gradcheck_lm.flow.stepping.recording.log import Log


@dataclass(frozen=True)
class Restored:
    """What an optimizer's load_state_dict was given to."""

    place: int
    time: int
    indices: frozenset[int]  # the accounts of all that it held then


class Met(Protocol):
    """An optimizer as it was met."""

    kind: str
    place: int
    made: int
    steps: int
    callers: tuple[Caller, ...]
    state: Restored | None


def relieved(log: Log, held: Iterable[Met], now: Met, indices: list[int]) -> Loading | None:
    """At the first step, without any state, of one that is made after another's was loaded: the line that made it so.

    Args:
        now: the one that steps.
        indices: the accounts of all that it holds.
    """
    for one in held:
        if one.state is None or one.steps or one is now or not one.state.time < now.made:
            continue
        place = _parting(one, now)
        if one.state.indices.intersection(indices) and place != NOWHERE:
            what = "optimizer lost"
            return Loading(log.tick(), place, who=now.kind, what=what, tensors=tuple(indices), taken=one.state.place)
    return None


def _parting(one: Met, other: Met) -> int:
    """Where the ways part that led to the making of the two, from the inside; the second's line."""
    pairs = zip(one.callers, other.callers, strict=False)
    return next((second.place for first, second in pairs if first.place != second.place), other.place)
