"""Moving averages that a program keeps by itself: tensors beside the weights, written after a step from the weights."""

from __future__ import annotations

import itertools
import math
import statistics
import weakref
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.moves import fingerprint, mixture_of
from gradcheck_lm.flow.watching.recorder import Recorder

_FEWEST = 4  # elements: fewer say nothing of a direction
_COPIES = words("clone detach to float double cpu contiguous type_as")  # what leaves the values alone
_UPDATES = 6  # so many are looked at; a direction is known after two
_HALF = 0.51  # a mean that counts the newest weights more than all that were before them, and not by rounding


@dataclass
class Shadow:
    """A tensor that is no weight and has the shape of one, as it was before each write since the last step."""

    reference: weakref.ref[torch.Tensor]
    writes: list[tuple[torch.Tensor, int]] = field(default_factory=list)  # its values before, the place


@dataclass
class Line:
    """All that the writes of one line did so far."""

    time: int
    away: dict[int, float] = field(default_factory=dict)  # weight -> its share in the last write that moved away
    updates: int = 0
    fitting: int = 0  # writes that move to the weights, or away from them
    repelling: int = 0  # of these, away
    shares: list[float] = field(default_factory=list)  # by update: how much of the weights was taken in
    over: set[int] = field(default_factory=set)  # weights that were all but copied


class Shadows:
    """Sees in which direction such a tensor is moved.

    Args:
        log: of the watch.
        held: the weights, as accounts: what the optimizers hold now.
    """

    def __init__(self, log: Log, held: Callable[[], set[int]]) -> None:
        self.log = log
        self.held = held
        self.lines: dict[int, Line] = {}
        self._shapes: set[torch.Size] = set()  # of the weights
        self._waiting: dict[int, Shadow] = {}
        self._known: dict[int, Shadow] = {}  # those that are there, by what they were when they were made
        self._updates = 0

    def written(self, tensor: torch.Tensor, index: int | None, place: Callable[[], int]) -> None:
        """A line is about to write into a tensor without a graph; index: its account, where it has one."""
        if isinstance(tensor, UninitializedTensorMixin):
            return  # it has no shape yet
        if tensor.shape not in self._shapes or self._updates >= _UPDATES or not tensor.is_floating_point():
            return
        kept = tensor if index is None else self.log.accounts[index].tensor  # `leaf.data` lives for a moment only
        if kept is None or kept.requires_grad or (index is not None and index in self.held()):
            return
        shadow = self._waiting.get(id(kept))
        if shadow is None or shadow.reference() is not kept:
            shadow = self._waiting[id(kept)] = Shadow(weakref.ref(kept))
        before = fingerprint(kept)
        if before is not None:
            shadow.writes.append((before, place()))

    def settle(self) -> None:
        """Before a step, and at the end: which way did what was written since the last one go?"""
        waiting, self._waiting = self._waiting, {}
        self._shapes = {tensor.shape for _, tensor in self._weights()}
        self._update(waiting.values())

    def remade(self, recorder: Recorder) -> None:
        """Before a backward(), and at the end: an average may be a new tensor each time, where the old one stood."""
        if self._updates >= _UPDATES:
            return
        weights = {id(tensor): tensor.shape for _, tensor in self._weights()}
        shapes = set(weights.values())
        gone = [one for one in self._known.values() if one.reference() is None]
        self._known = {key: one for key, one in self._known.items() if one.reference() is not None}
        made = []
        for reference, token in list(recorder.book.known.values()):
            tensor = reference()
            if tensor is None or tensor.shape not in shapes or tensor.requires_grad or not tensor.is_floating_point():
                continue
            values = None if id(tensor) in weights or id(tensor) in self._known else fingerprint(tensor)
            if values is None:
                continue
            self._known[id(tensor)] = Shadow(reference, [(values, NOWHERE)])
            before = [one.writes[0][0] for one in gone if one.writes[0][0].shape == values.shape]
            if before and (place := self._made_at(recorder, token)) != NOWHERE:
                nearest = min(before, key=lambda one: _distance(one, values))
                made.append(Shadow(reference, [(nearest, place)]))
        self._update(made)

    def _made_at(self, recorder: Recorder, token: int) -> int:
        """The line that computed a value, rather than one that copies it."""
        recording = recorder.recording
        while (producer := recording.tokens[token].producer) >= 0:
            call = recording.calls[producer]
            if call.operation.name not in _COPIES or len(call.inputs) != 1 or call.inputs[0] < 0:
                return self.log.intern(call.site)
            token = call.inputs[0]
        return NOWHERE

    def _weights(self) -> list[tuple[int, torch.Tensor]]:
        found = ((index, self.log.accounts[index].tensor) for index in sorted(self.held()))
        return [
            (index, tensor)
            for index, tensor in found
            if tensor is not None and tensor.is_floating_point() and tensor.numel() >= _FEWEST
        ]

    def _update(self, written: Collection[Shadow]) -> None:
        weights: dict[torch.Size, list[tuple[int, torch.Tensor]]] = {}
        for index, weight in self._weights() if written else ():
            if (values := fingerprint(weight)) is not None:
                weights.setdefault(weight.shape, []).append((index, values.cpu()))
        touched = {NOWHERE}
        taken: dict[int, list[float]] = {}
        for shadow in written:
            tensor = shadow.reference()
            now = None if tensor is None else fingerprint(tensor)
            if tensor is not None and now is not None and tensor.shape in weights:
                touched.add(self._compare(shadow, now, weights[tensor.shape], taken))
        for place in touched - {NOWHERE}:
            self.lines[place].updates += 1
            self.lines[place].shares.append(statistics.median(taken[place]))
        self._updates += len(touched) > 1

    def _compare(
        self,
        shadow: Shadow,
        now: torch.Tensor,
        weights: list[tuple[int, torch.Tensor]],
        taken: dict[int, list[float]],
    ) -> int:
        """Note one tensor's way; gives the line that moved it, NOWHERE where no weight tells the way."""
        before = shadow.writes[0][0]
        index, nearest = min(weights, key=lambda one: _distance(one[1], before))
        shares = mixture_of(before.cpu(), now.cpu(), nearest)
        if shares is None:
            return NOWHERE
        after = [values for values, _ in shadow.writes[1:]] + [now]
        changing = [
            place
            for (values, place), following in zip(shadow.writes, after, strict=True)
            if not torch.equal(values, following)
        ]
        if not changing or changing[-1] == NOWHERE:
            return NOWHERE
        line = self.lines.setdefault(changing[-1], Line(self.log.tick()))
        line.fitting += 1
        if shares[0] > 0.5 and shares[1] < 0.0:
            line.repelling += 1
            line.away[index] = shares[1]
        is_mean = math.isclose(sum(shares), 1.0, abs_tol=1e-3)
        is_copy = torch.equal(now.cpu(), nearest.to(now.dtype))  # a target network that is set anew
        taken.setdefault(changing[-1], []).append(shares[1] if is_mean and not is_copy else 0.0)
        if is_mean and not is_copy and shares[1] > _HALF:
            line.over.add(index)
        return changing[-1]

    def events(self) -> Iterator[Change]:
        """The lines whose every write led away from the weights, two at least, for one may be chance; and those whose
        every write went nearly all the way to them."""
        for place, line in self.lines.items():
            if line.repelling == line.fitting and line.repelling >= 2:
                contents: dict[int, tuple[int, ...]] = dict.fromkeys(line.away, ())
                share = max(line.away.values(), key=abs)
                yield Change(line.time, place, what="repelled", count=line.updates, contents=contents, limit=share)
            elif len(line.shares) >= 3 and min(line.shares) > _HALF and not _falls(line.shares):
                contents = dict.fromkeys(sorted(line.over), ())
                share = statistics.median(line.shares)
                yield Change(line.time, place, what="overrun", count=line.updates, contents=contents, limit=share)


def _falls(shares: list[float]) -> bool:
    """A warm-up: an average that is young follows its weights, and each time less."""
    return all(later < earlier for earlier, later in itertools.pairwise(shares))


def _distance(one: torch.Tensor, two: torch.Tensor) -> float:
    return float((one.cpu().double() - two.cpu().double()).norm()) if one.shape == two.shape else float("inf")
