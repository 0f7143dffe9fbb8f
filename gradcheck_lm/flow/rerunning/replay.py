"""Change a value that left torch, run again: what takes in another number, and does the loss move?

A program is a black box between `.tolist()` and `torch.tensor()`: strings, tables and tokenisers drop every mark one
could put on a value. So it is asked: the same run once more, from the same state, with that value changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.findings.notes import NOT_REPEATED, OUT_OF_TIME
from gradcheck_lm.flow.rerunning.state import State
from gradcheck_lm.flow.tracing.graph import HostLink
from gradcheck_lm.flow.watching.intervention import Intervention
from gradcheck_lm.flow.watching.numbers import numbers
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.tape import Call, Recording

SiteKey = tuple[str, Any, int]


class Stopped(BaseException):
    """A replay went past its bound; not an Exception, so that the program watched does not swallow it."""


def site_key(call: Call) -> SiteKey:
    """The same place in the program in every run of it."""
    return (
        call.operation.title,
        None if call.site is None else call.site.code,
        0 if call.site is None else call.site.instruction,
    )


class Nudge(Intervention):
    """Keeps every number that a run sees, and changes the values that leave at one place."""

    deep = True

    def __init__(self, place: SiteKey | None, strength: int, most_calls: int, deadline: float) -> None:
        self.place = place
        self.strength = strength
        self.most_calls = most_calls
        self.deadline = deadline

    def run(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do one call, with another value where one leaves at the place."""
        if len(self.recording.calls) > self.most_calls or time.monotonic() > self.deadline:
            raise Stopped
        if self.place is not None and call.operation.export and args and site_key(call) == self.place:
            args = (nudged(args[0], self.strength, call.operation.branch), *args[1:])
        return func(*args, **kwargs)


@dataclass(frozen=True)
class Replay:
    """One run of the program again."""

    recording: Recording
    failed: bool  # the program raised, or it went past its bound


def nudged(tensor: torch.Tensor, strength: int, branch: bool) -> torch.Tensor:
    """Another value of the same shape and type: indices shifted within the range seen, numbers moved a little."""
    value = tensor.detach().clone()
    if branch or value.dtype is torch.bool:
        return (value == 0).to(value.dtype)
    if value.numel() == 0:
        return value
    if not (value.is_floating_point() or value.is_complex()):
        largest = int(value.max())
        if strength == 0:
            return (value + 1) % (largest + 1) if largest > 0 else value + 1
        return value.flip(tuple(range(value.dim()))) if value.dim() else value + 1
    if strength < 2:
        return value + 0.01 * (1 + value.abs()) if strength == 0 else 2 * value + 1
    # both leave the largest the largest, and what is made of an argmax or a comparison is the same as before
    return -value if strength == 2 else value.roll(1 if strength == 3 else -1, dims=-1)


def strengths(recording: Recording, export: int) -> range:
    """How hard a value that left is changed, the mildest first, until something moves."""
    call = recording.calls[export]
    if call.branch_value:
        return range(1)
    if not any(token >= 0 and recording.tokens[token].is_float for token in call.inputs):
        return range(2)
    return range(3 if isinstance(call.host, tuple) and len(call.host) == 1 else 5)


class Experiment:
    """Replays of one program from one state."""

    def __init__(
        self,
        run: Callable[[Recorder], object],
        state: State,
        first: Recording,
        *,
        seconds: float,
        note: Callable[[str], None],
    ) -> None:
        self.run = run  # runs the program under a recorder, its terms written into the recording
        self.state = state
        self.first = first
        self.deadline = time.monotonic() + seconds
        self.note = note
        self.control: Recording | None = None

    def links(self, exports: Sequence[int], receivers: set[int], ends: Sequence[int] = ()) -> list[HostLink] | None:
        """Which of the calls `receivers` take in what left at `exports`; None where the program cannot be repeated.

        A term (`ends`) whose value moves though no receiver takes in another number hangs on the export all the same:
        the numbers went through tensors that did not lead to it in the first run.
        """
        places: dict[SiteKey, int] = {}
        for export in exports:
            places.setdefault(site_key(self.first.calls[export]), export)
        control = self._replay(None, 0)
        if control is None or control.failed or not self._repeats(control.recording):
            self.note(NOT_REPEATED.told())
            return None
        self.control = control.recording
        found: list[HostLink] = []
        for place, export in places.items():
            for strength in strengths(self.first, export):
                if time.monotonic() > self.deadline:
                    self.note(OUT_OF_TIME.told())
                    return found
                links = self._one(place, export, strength, receivers, ends)
                found.extend(links)
                if links:
                    break
        return found

    def _replay(self, place: SiteKey | None, strength: int) -> Replay | None:
        now = self.state.taken_again()
        nudge = Nudge(place, strength, 4 * len(self.first.calls) + 1000, self.deadline)
        recorder = Recorder(nudge)
        failed = False
        self.state.restore()
        try:
            self.run(recorder)
        except Stopped:
            failed = True
        except Exception:
            if place is None:
                return None
            failed = True
        finally:
            now.restore()
        return Replay(recorder.recording, failed)

    def _repeats(self, control: Recording) -> bool:
        mine = [site_key(call) for call in self.first.calls if not _met(call)]
        theirs = [site_key(call) for call in control.calls if not _met(call)]
        left = [call.host for call in self.first.calls if call.operation.export]
        return mine == theirs and left == [call.host for call in control.calls if call.operation.export]

    def _one(
        self, place: SiteKey, export: int, strength: int, receivers: set[int], ends: Sequence[int]
    ) -> list[HostLink]:
        assert self.control is not None
        changed = self._replay(place, strength)
        if changed is None:
            return []
        wanted = sorted(index for index in receivers if index > export)
        before, after = _numbered(self.control), _numbered(changed.recording)
        mine = _numbered(self.first)
        names = {index: key for key, index in mine.items()}
        found = []
        for index in wanted:
            key = names[index]
            old, new = before.get(key), after.get(key)
            if old is None:
                continue
            moved = new is None and not changed.failed
            if new is not None:
                moved = self.control.calls[old].host != changed.recording.calls[new].host
            if moved:
                found.append(HostLink(export, index, "confirmed"))
        if changed.failed and not found:
            if self.first.calls[export].branch_value:
                return []  # a guard: the other answer only makes the program raise, so no loss hangs on it
            missing = [index for index in wanted if names[index] in before and names[index] not in after]
            found = [HostLink(export, index, "confirmed") for index in missing[:1]]
        elif not found:
            found = [HostLink(export, index, "confirmed") for index in self._moved(ends, changed.recording, export)]
        return found

    def _moved(self, ends: Sequence[int], changed: Recording, export: int) -> list[int]:
        """Calls that made those ends whose value is another one in the changed run."""
        assert self.control is not None
        names = {index: key for key, index in _numbered(self.first).items()}
        before, after = _numbered(self.control), _numbered(changed)
        moved = []
        for end in ends:
            producer = self.first.tokens[end].producer
            if producer > export and (key := names[producer]) in before and key in after:
                values = [_scalar(run, calls[key]) for run, calls in ((self.control, before), (changed, after))]
                if values[0] != values[1]:
                    moved.append(producer)
        return moved


def _scalar(recording: Recording, index: int) -> Any:
    """The number that a call gave, None where it gave no single one."""
    kept = [recording.scalars.get(token) for token in recording.calls[index].outputs[:1]]
    return numbers(kept[0]) if kept and kept[0] is not None else None


def _met(call: Call) -> bool:
    return call.operation.title == "torch.from_numpy"


def _numbered(recording: Recording) -> dict[tuple[SiteKey, int], int]:
    """Each call by its place and how many times that place had run before."""
    seen: Counter[SiteKey] = Counter()
    numbered = {}
    for index, call in enumerate(recording.calls):
        key = site_key(call)
        numbered[key, seen[key]] = index
        seen[key] += 1
    return numbered
