"""The step's ledger beside a script's session: what becomes of the gradients that arrive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Ledger, Parameter
from gradcheck_lm.flow.stepping.recording.log import Running
from gradcheck_lm.flow.stepping.report import report_of
from gradcheck_lm.flow.stepping.watcher import TOLD as TOLD
from gradcheck_lm.flow.stepping.watcher import Watcher
from gradcheck_lm.flow.watching.recorder import Recorder

_GONE = "a tensor that is gone"
_MOST = 400  # variables of a function in which models and optimizers are looked for
_EACH = 50  # steps that are read one by one; of a longer training, before one that is to come, now and then one


def _has_gone(now: Parameter, then: Parameter) -> bool:
    """Whether a tensor, or the module that had it after the last step, is gone: a graph may hold the tensor alone."""
    return now.name.startswith(_GONE) or (now.owner == "nowhere" and then.owner != "nowhere")


class StepWatch:
    """Watches the steps of a script until it is closed; what it saw stays.

    Args:
        recorder: which numbers were computed, to tell a loss that is never differentiated.
        variables: the script's own, by which modules and optimizers are called.
    """

    def __init__(self, recorder: Recorder, variables: Callable[[], Mapping[str, Any]]) -> None:
        self.watcher = Watcher(ranks=True)
        self.recorder = recorder
        self._variables = variables
        self._names: dict[int, str] = {}
        self._open = False
        self._steps, self._passes = 0, 0
        self._read_at = 0  # tensors that were known when it was read last
        self._sites = 0  # in the log when `_last` was read off
        self._last: Ledger | None = None  # while the script's own objects were all there
        self.found: tuple[Finding, ...] = ()  # what is wrong, once it is concluded
        self.idle: set[int] = (
            set()
        )  # ids of tensors that optimizers hold and no module has any more, where that is told

    def open(self) -> None:
        """Begin to watch."""
        self._open = True
        self.watcher.__enter__()

    def conclude(self, *, complete: bool) -> list[str]:
        """See nothing more, and find out what is wrong between backward() and the next step.

        Returns:
            What went wrong in the watching itself.
        """
        self.stop()
        self.found = self.findings(complete=complete)
        self.idle = self._idle()
        missing = self.watcher.ranks.notes() if self.watcher.ranks is not None else []
        return [*(f"a step was not seen whole: {failure}" for failure in self.watcher.log.failures), *missing]

    def findings(self, *, complete: bool) -> tuple[Finding, ...]:
        """What is wrong as far as was seen."""
        return report_of(self.ledger(complete=complete)).findings

    def stop(self) -> None:
        """See nothing more; the script may run on at full speed."""
        if self._open:
            self._open = False
            self.watcher.numbers(self.recorder)
            self.watcher.stop()

    def close(self) -> None:
        """Leave torch as it was before, once what was put on top of ours is gone."""
        self.stop()
        self.watcher.__exit__(None, None, None)

    def before(self, roots: Sequence[torch.Tensor]) -> None:
        """A backward pass of the script on these roots is about to run."""
        if self._open:
            self.watcher.numbers(self.recorder, roots)

    def after_backward(self) -> None:
        """Before any step: what a function holds that trains in vain is gone once it has returned."""
        if self._open and not self._steps:
            self._passes += 1
            if self._passes & (self._passes - 1) == 0:  # the 1st, 2nd, 4th ...: it costs as a look at all tensors
                self._read()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Around backward passes of our own: they are none of the script's."""
        log = self.watcher.log
        before, log.running = log.running, Running(log.tick())
        try:
            yield
        finally:
            log.running = before

    def after_step(self) -> None:
        """An optimizer has stepped: read what is gone once the function that trains has returned."""
        if self._open:
            self._steps += 1
            if self._steps <= _EACH or self._steps % _EACH == 0 or len(self.watcher.log.accounts.all) != self._read_at:
                self._read()

    def _read(self) -> None:
        self._read_at = len(self.watcher.log.accounts.all)
        self._learn(sys._getframe(2))
        self._sites = len(self.watcher.log.sites)
        self._last = self.watcher.ledger(self._names)

    def ledger(self, *, complete: bool) -> Ledger:
        """All that was seen; what has been let go since is told as it was after the last step."""
        self._learn(None)
        found = self.watcher.ledger(self._names, complete=complete)
        last = self._last
        if last is None:
            return found
        # places that were looked up in the source stand behind those of the log, and the log has grown since
        last, places = last.with_places_moved(self._sites, len(found.places)), last.places[self._sites :]
        parameters = [
            last.parameters[index] if index < len(last.parameters) and _has_gone(one, last.parameters[index]) else one
            for index, one in enumerate(found.parameters)
        ]
        holders = [
            replace(last.holders[number], since=one.since) if not one.holds and number < len(last.holders) else one
            for number, one in enumerate(found.holders)
        ]
        return replace(
            found, parameters=tuple(parameters), holders=tuple(holders), places=(*found.places, *places),
            chances={**last.chances, **found.chances},
        )  # fmt: skip

    def fed(self) -> set[int]:
        """Ids of tensors that a backward pass of the script gave a gradient which is not all zero."""
        log = self.watcher.log
        passes = [event for event in log.events if isinstance(event, Backward) and event.accumulates]
        given = {index for event in passes for index in set(event.given) - set(event.zero)}
        return {id(tensor) for index in given if (tensor := log.accounts[index].tensor) is not None}

    def _idle(self) -> set[int]:
        if all(one.kind != "stale" for one in self.found):
            return set()
        ledger = self._last or self.watcher.ledger(self._names)
        tensors = [self.watcher.log.accounts[index].tensor for index in range(len(ledger.parameters))]
        return {
            id(tensor)
            for one, tensor in zip(ledger.parameters, tensors, strict=True)
            if tensor is not None and one.owner == "nowhere" and one.held_by
        }

    def _learn(self, frame: FrameType | None) -> None:
        """Names of models, optimizers and tensors: those of the functions that are running, then the module's own."""
        seen: list[Mapping[str, Any]] = [self._variables()]
        while frame is not None:
            if frame.f_code.co_name != "<module>" and len(frame.f_locals) <= _MOST:
                seen.insert(0, frame.f_locals)
            frame = frame.f_back
        for variables in reversed(seen):
            for name, value in list(variables.items()):
                if isinstance(value, torch.nn.Module | torch.optim.Optimizer | torch.Tensor) and name != "self":
                    self._names.setdefault(id(value), name)
                    if isinstance(value, torch.nn.Module):
                        self.watcher.by_hand.offer(value)
