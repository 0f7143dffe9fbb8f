"""What is known of a backward pass that autograd refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_lm.flow.findings.notes import UNSEEN
from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tape import Recording


@dataclass(frozen=True)
class Passed:
    """An earlier backward pass."""

    site: Site | None
    sequence: int  # autograd's count of nodes when it began


@dataclass(frozen=True)
class Written:
    """Values that an optimizer wrote, out of the recording's sight."""

    call: int  # how many calls had been recorded
    site: Site | None
    tokens: frozenset[int]
    title: str
    leaves: frozenset[int] = frozenset()  # ids of the tensors: they outlast a recording


@dataclass
class Scene:
    """What is known of a refused backward pass.

    All but the first three may be left out: the answer then names fewer lines.
    """

    recording: Recording
    error: BaseException
    roots: Sequence[torch.Tensor]
    site: Site | None = None  # of the backward()
    passed: Sequence[Passed] = ()
    written: Sequence[Written] = ()
    unfinished: Sequence[Any] = ()  # nodes that got a gradient and gave none
    ways: Sequence[tuple[int, int]] = ()  # (token asked about, token of a root): of what autograd.grad found unused
    may_unpack: bool = True  # what is saved for the backward pass may be looked at: no hook of the program's runs
    nodes: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen: dict[Any, None] = {}
        for root in self.roots:
            seen.update(dict.fromkeys(walk_nodes(root.grad_fn)))
        self.nodes = list(seen)

    def call_of(self, node: Any) -> int | None:
        """The recorded call that made a node."""
        return self.recording.call_of(node)

    def carriers(self, since: int) -> list[int]:
        """The calls that read a value whose graph is older: a state, a sample kept.

        Args:
            since: autograd's count of nodes; what has a smaller number is older.
        """
        found = []
        for node in self.nodes:
            call = self.call_of(node)
            older = any(
                before is not None and not hasattr(before, "variable") and before._sequence_nr() < since
                for before, _ in node.next_functions
            )
            if older and call is not None and node._sequence_nr() >= since:
                found.append(call)
        return found

    def failing(self) -> int | None:
        """The call whose backward step failed, where that is known."""
        return next((call for node in self.unfinished if (call := self.call_of(node)) is not None), None)


def where(site: Site | None) -> str:
    """A line as one reads it."""
    if site is None:
        return UNSEEN.told()
    file, line = line_of(site)
    return at(file, line)


def entry(recording: Recording, index: int) -> Site | None:
    """Where a value came in that a call inside a module reads: the call of the outermost module, as its argument.

    None where the call stands in no module, or where a module around it keeps values with a history itself.
    """
    site = None
    for module, called_at in recording.around(index):
        kept = recording.modules[module][0]()
        if kept is not None and any(_has_history(value) for value in vars(kept).values()):
            return None
        site = called_at
    return site


def _has_history(value: object) -> bool:
    values = value if isinstance(value, tuple | list) else (value,)
    return any(isinstance(one, torch.Tensor) and one.grad_fn is not None for one in values)
