"""Values computed from a weight once, and used step after step: the losses never see what the steps made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.watching.recorder import Recorder


class Outdated:
    """Compares by which operations a loss leads to a weight with those of the last loss, and with its last step.

    autograd counts the nodes that it makes. An operation on a weight that is older than the weight's last step, in the
    graph of a loss that is younger, was given the values before that step. Where its line runs in each step, as that of
    a state that is carried along, it is no such operation.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._steps: dict[int, int] = {}  # weight -> autograd's count at its last step
        self._seen: dict[int, dict[int, int]] = {}  # weight -> of each operation on it autograd's count, and its line
        self._found: dict[tuple[int, int], int] = {}  # (line, weight) -> time

    def stepped(self, indices: Iterable[int]) -> None:
        """An optimizer is about to step on these."""
        self._steps.update(dict.fromkeys(indices, _count()))

    def look(self, recorder: Recorder, roots: Sequence[torch.Tensor]) -> None:
        """Before a backward() on these roots."""
        nodes: dict[int, tuple[torch.Tensor, list[Any]]] = {}
        top = max((root.grad_fn._sequence_nr() for root in roots if root.grad_fn is not None), default=-1)
        for node in dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn)):
            for leaf in _leaves(node):
                nodes.setdefault(id(leaf), (leaf, []))[1].append(node)
        for leaf, users in nodes.values():
            index = self.log.accounts.of(leaf).index
            step, before = self._steps.get(index, -1), self._seen.get(index, {})
            counts = {node._sequence_nr(): node for node in users}
            lines = {
                count: before[count] if count in before else self._line(recorder, node)
                for count, node in counts.items()
            }
            anew = {line for count, line in lines.items() if count >= step}
            for count, line in lines.items():
                if count in before and count < step <= top and line != NOWHERE and line not in anew:
                    self._found.setdefault((line, index), self.log.tick())
            self._seen[index] = lines

    def _line(self, recorder: Recorder, node: Any) -> int:
        """Where the operation stands that made a node."""
        call = recorder.recording.call_of(node)
        return NOWHERE if call is None else self.log.intern(recorder.recording.calls[call].site)

    def events(self) -> Iterator[Change]:
        """One for each line."""
        lines: dict[int, list[int]] = {}
        for place, index in self._found:
            lines.setdefault(place, []).append(index)
        for place, indices in lines.items():
            time = min(self._found[place, index] for index in indices)
            contents: dict[int, tuple[int, ...]] = dict.fromkeys(indices, ())
            yield Change(time, place, what="outdated", count=len(indices), contents=contents)


def _leaves(node: Any) -> Iterator[torch.Tensor]:
    for following, _ in node.next_functions:
        variable = getattr(following, "variable", None)
        if variable is not None:
            yield variable


def _count() -> int:
    """How many nodes autograd has made so far, in this thread."""
    return int(torch._C._autograd._get_sequence_nr())  # type: ignore[attr-defined]
