"""Numbers with a graph that never went backward: losses that were forgotten, and sums of which one term was taken."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gradcheck_lm.flow.gradients.nodes import reachable_leaves
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Forgotten
from gradcheck_lm.flow.stepping.recording.log import Log
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
        # numbers that are still there: what is summed in each, and where it was made
        self.pending: dict[int, tuple[weakref.ref[torch.Tensor], tuple[int, ...], int]] = {}
        self._told: set[tuple[str, int]] = set()  # (recording, token) counted already: it may be looked at again

    def look(self, recorder: Recorder, roots: Sequence[torch.Tensor]) -> None:
        """Before a backward(), or at the end: what the recorder has seen since the last time."""
        own: set[int] = set()
        for root in roots:
            token = recorder.token_of(root)
            known = self.pending.get(id(root))
            if known is not None and known[0]() is root:  # computed before the last backward()
                self.consumed.update(known[1])
                self.log.loss = known[2]
            elif token is not None:
                own |= self._ancestors(recorder, token)
                self.consumed |= {place for place, _ in self._chain(recorder, token)}
                producer = recorder.recording.tokens[token].producer
                self.log.loss = self.log.intern(recorder.recording.calls[producer].site) if producer >= 0 else NOWHERE
        inputs = {token for call in recorder.recording.calls for token in call.inputs}
        exported = {token for index in recorder.recording.exports for token in recorder.recording.calls[index].inputs}
        self.pending = {key: entry for key, entry in self.pending.items() if entry[0]() is not None}
        for token, tensor in self._numbers(recorder):
            place = self.log.intern(recorder.recording.calls[recorder.recording.tokens[token].producer].site)
            chain = self._chain(recorder, token)
            self.pending[id(tensor)] = (weakref.ref(tensor), tuple(one for one, _ in chain), place)
            known_before = (recorder.recording.stamp, token) in self._told
            if not known_before and place >= 0 and token not in own and not (token in inputs and token not in exported):
                self._told.add((recorder.recording.stamp, token))
                self._note(place, {one for one, term in chain if term}, tensor, read=token in exported)

    @staticmethod
    def _numbers(recorder: Recorder) -> list[tuple[int, torch.Tensor]]:
        alive = {
            token: tensor for reference, token in recorder.book.known.values() if (tensor := reference()) is not None
        }
        found = []
        for token in [token for token in recorder.recording.scalars if recorder.recording.tokens[token].requires_grad][
            -_MOST:
        ]:
            tensor = alive.get(token)
            if tensor is not None and tensor.grad_fn is not None and recorder.recording.tokens[token].producer >= 0:
                found.append((token, tensor))
        return found

    def _note(self, place: int, terms: set[int], tensor: torch.Tensor, *, read: bool) -> None:
        leaves = tuple(self.log.accounts.of(leaf).index for leaf in reachable_leaves(tensor))
        seen = self.seen.setdefault(place, Seen(terms, leaves, read, 0, self.log.tick()))
        seen.times += 1
        seen.read = seen.read or read

    def read(self, tensor: torch.Tensor) -> None:
        """A number is printed, or made a plain one."""
        known = self.pending.get(id(tensor))
        if known is not None and known[0]() is tensor and known[2] in self.seen:
            self.seen[known[2]].read = True

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
        stack = [token]
        done: set[int] = set()
        while stack and len(done) < 200:
            current = stack.pop()
            if current in done or current < 0:
                continue
            done.add(current)
            producer = recorder.recording.tokens[current].producer
            if producer < 0:
                continue
            call = recorder.recording.calls[producer]
            live = [one for one in call.inputs if one >= 0 and recorder.recording.tokens[one].requires_grad]
            numbers = [one for one in live if recorder.recording.tokens[one].shape in ((), (1,))]
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
            producer = recorder.recording.tokens[current].producer
            if producer >= 0:
                stack.extend(recorder.recording.calls[producer].inputs)
        return found


def without_gradient_in(recorder: Recorder, roots: Sequence[torch.Tensor]) -> bool:
    """Whether what a norm gave under no_grad comes into these losses: as a target, a mask, a label."""
    recording = recorder.recording
    stack = [token for root in roots if (token := recorder.token_of(root)) is not None]
    seen: set[int] = set()
    while stack:
        token = stack.pop()
        if token in seen or token < 0:
            continue
        seen.add(token)
        producer = recording.tokens[token].producer
        if producer >= 0:
            call = recording.calls[producer]
            if call.scope >= 0 and "norm" in call.operation.name:
                return True
            stack.extend(call.inputs)
    return False
