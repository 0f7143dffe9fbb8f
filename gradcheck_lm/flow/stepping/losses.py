"""Numbers with a graph that never went backward: losses that were forgotten, and sums of which one term was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gradcheck_lm.flow.gradients.nodes import reachable_leaves
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.stepping.ledger import Forgotten
from gradcheck_lm.flow.stepping.log import Log
from gradcheck_lm.flow.watching.recorder import Recorder

_SUMS = words("add sub __radd__ __rsub__ add_ sub_ __iadd__ __isub__ __add__ __sub__ sum mean neg stack")
_FACTORS = words("mul div __rmul__ mul_ div_ __mul__ __truediv__ __imul__ __itruediv__")
_MOST = 40  # numbers looked at between two backwards: a program of micro-operations makes thousands


@dataclass
class Seen:
    """One line that makes a number with a graph."""

    terms: set[int]  # places of its addends
    leaves: tuple[int, ...]
    read: bool  # something prints it, keeps it or computes with it
    times: int = 0
    time: int = 0


class Losses:
    """Compares the numbers that a recorder saw with those that backward() was called on."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.consumed: set[int] = set()  # places of losses and their addends
        self.seen: dict[int, Seen] = {}

    def look(self, recorder: Recorder, roots: Sequence[torch.Tensor]) -> None:
        """Before a backward(), or at the end: what the recorder has seen since the last time."""
        inputs = {token for call in recorder.calls for token in call.inputs}
        exported = {token for index in recorder.exports for token in recorder.calls[index].inputs}
        own: set[int] = set()
        for root in roots:
            token = recorder.token_of(root)
            if token is not None:
                own |= self._ancestors(recorder, token)
                self.consumed |= {place for place, _ in self._chain(recorder, token)}
        numbers = [token for token in recorder.scalars if token not in own and recorder.tokens[token].requires_grad]
        alive = {token: tensor for reference, token in recorder._known.values() if (tensor := reference()) is not None}
        for token in numbers[-_MOST:]:
            tensor = alive.get(token)
            if tensor is None or not tensor.requires_grad or tensor.grad_fn is None:
                continue
            used = token in inputs and token not in exported
            self._note(recorder, token, tensor, inside=used, read=token in exported)

    def _note(self, recorder: Recorder, token: int, tensor: torch.Tensor, *, inside: bool, read: bool) -> None:
        place = self.log.intern(recorder.calls[recorder.tokens[token].producer].site)
        if place < 0 or inside:
            return  # part of a larger one, which is looked at itself
        leaves = tuple(self.log.accounts.of(leaf).index for leaf in reachable_leaves(tensor))
        terms = {one for one, is_term in self._chain(recorder, token) if is_term}
        seen = self.seen.setdefault(place, Seen(terms, leaves, read, 0, self.log.tick()))
        seen.times += 1
        seen.read = seen.read or read

    def events(self) -> list[Forgotten]:
        """Those that are still not differentiated."""
        found = []
        for place, seen in self.seen.items():
            if place in self.consumed:
                continue
            found.append(
                Forgotten(
                    seen.time,
                    place,
                    missing=tuple(sorted(seen.terms - self.consumed)),
                    taken=tuple(sorted(seen.terms & self.consumed)),
                    leaves=seen.leaves,
                    read=seen.read,
                    times=seen.times,
                )
            )
        return found

    def _chain(self, recorder: Recorder, token: int) -> list[tuple[int, bool]]:
        """(place, whether it is an addend) of a number and all that is summed in it."""
        found: list[tuple[int, bool]] = []
        stack, done = [token], set()
        while stack and len(done) < 200:
            current = stack.pop()
            if current in done or current < 0:
                continue
            done.add(current)
            producer = recorder.tokens[current].producer
            if producer < 0:
                continue
            call = recorder.calls[producer]
            live = [one for one in call.inputs if one >= 0 and recorder.tokens[one].requires_grad]
            numbers = [one for one in live if recorder.tokens[one].shape in ((), (1,))]
            name = call.operation.name
            through = numbers == live and (name in _SUMS or (name in _FACTORS and len(live) == 1)) and bool(live)
            place = self.log.intern(call.site)
            if place >= 0:
                found.append((place, not through))
            if through:
                stack.extend(live)
        return found

    @staticmethod
    def _ancestors(recorder: Recorder, token: int) -> set[int]:
        found: set[int] = set()
        stack = [token]
        while stack:
            current = stack.pop()
            if current in found or current < 0:
                continue
            found.add(current)
            producer = recorder.tokens[current].producer
            if producer >= 0:
                stack.extend(recorder.calls[producer].inputs)
        return found
