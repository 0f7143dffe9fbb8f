"""Values computed from a weight once, and used step after step: the losses never see what the steps made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.watching.recorder import Recorder


class Outdated:
    """Compares by which operation a loss leads to a weight with that of the last loss, and with when it was stepped on.

    autograd counts the nodes that it makes. An operation on a weight that is older than the weight's last step, in the
    graph of a loss that is younger, was given the values before that step.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._steps = 0  # autograd's count at the last step
        self._seen: dict[int, tuple[int, int]] = {}  # weight -> count of the last operation on it, and its line
        self._found: dict[int, tuple[int, int]] = {}  # weight -> time, and that line

    def stepped(self) -> None:
        """An optimizer is about to step."""
        self._steps = _count()

    def look(self, recorder: Recorder, roots: Sequence[torch.Tensor]) -> None:
        """Before a backward() on these roots."""
        newest: dict[int, tuple[torch.Tensor, int]] = {}
        top = -1
        for root in roots:
            if root.grad_fn is not None:
                top = max(top, root.grad_fn._sequence_nr())
                for node in walk_nodes(root.grad_fn):
                    for leaf in _leaves(node):
                        count = max(node._sequence_nr(), newest.get(id(leaf), (leaf, -1))[1])
                        newest[id(leaf)] = leaf, count
        for leaf, count in newest.values():
            index = self.log.accounts.of(leaf).index
            before = self._seen.get(index)
            if before is None or before[0] != count:
                self._seen[index] = count, self._line(recorder, leaf)
            elif count < self._steps <= top and before[1] != NOWHERE:
                self._found.setdefault(index, (self.log.tick(), before[1]))

    def _line(self, recorder: Recorder, leaf: torch.Tensor) -> int:
        """Where the last operation on a weight stands."""
        token, recording = recorder.token_of(leaf), recorder.recording
        if token is None:
            return NOWHERE
        for call in reversed(recording.calls):
            if token in call.inputs:
                return self.log.intern(call.site)
        return NOWHERE

    def events(self) -> Iterator[Change]:
        """One for each line."""
        lines: dict[int, list[int]] = {}
        for index, (_, place) in self._found.items():
            lines.setdefault(place, []).append(index)
        for place, indices in lines.items():
            time = min(self._found[index][0] for index in indices)
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
