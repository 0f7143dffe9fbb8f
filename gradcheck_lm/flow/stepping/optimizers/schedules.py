"""Schedulers that will take the rate to nothing: told when they are made or first stepped, for their turn may come
after the watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import Schedule
from gradcheck_lm.flow.stepping.optimizers.turns import rates_of
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.stepping.source.loops import epochs_around
from gradcheck_lm.flow.watching.sites import is_users, line_of


class Schedules:
    """Sees every scheduler that is made, and its first step."""

    def __init__(self, log: Log, number: Callable[[Any], int | None]) -> None:
        self.log = log
        self.number = number
        self.stepped: dict[int, tuple[str, int]] = {}  # optimizer -> the first scheduler that was stepped for it, where
        self._made_at: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()  # and was not stepped yet
        self._loaded: WeakKeyDictionary[Any, tuple[float, ...]] = (
            WeakKeyDictionary()
        )  # rates of a checkpoint, not used yet
        self._saved = 0  # turns of a scheduler whose state lay in the file that was read last
        self._waiting: WeakKeyDictionary[Any, tuple[int, int]] = WeakKeyDictionary()  # by optimizer: its loading, those
        self._restored: WeakSet[Any] = WeakSet()  # schedulers

    def install(self, wraps: Wraps) -> None:
        """The base class's constructor runs last: the scheduler's own settings are there by then."""
        guarded, kind = self.log.guarded, torch.optim.lr_scheduler.LRScheduler
        nothing = guarded(lambda token, result: None)
        wraps.attribute(kind, "__init__", guarded(self._made), guarded(self._is_made))
        wraps.attribute(kind, "step", guarded(self._steps), nothing)
        wraps.attribute(torch.optim.Optimizer, "load_state_dict", guarded(self._loading), guarded(self._has_loaded))
        for one in vars(torch.optim.lr_scheduler).values():
            if isinstance(one, type) and issubclass(one, kind) and "load_state_dict" in vars(one):
                wraps.attribute(one, "load_state_dict", guarded(self._restoring), nothing)
        for name in ("_load", "_legacy_load"):
            wraps.attribute(torch.serialization, name, guarded(lambda *call: None), guarded(self._read))

    def _loading(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        return arguments[0], self.log.place(frame)

    def _has_loaded(self, token: Any, result: Any) -> None:
        if token is None:
            return
        optimizer, place = token
        self._loaded[optimizer] = rates_of(optimizer)
        if self._saved and place >= 0:
            self._waiting[optimizer] = place, self._saved

    def _restoring(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        self._restored.add(arguments[0])

    def _read(self, token: Any, result: Any) -> None:
        self._saved = _turns(result)

    def _made(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        scheduler, place = arguments[0], self.log.place(frame)
        optimizer = arguments[1] if len(arguments) > 1 else keywords.get("optimizer")
        factor = getattr(scheduler, "gamma", None)
        if isinstance(factor, int | float) and factor == 0:
            self.log.add(Schedule(self.log.tick(), place, kind=type(scheduler).__name__))
        elif place >= 0:
            self._made_at[scheduler] = line_of(self.log.sites[place])
        return type(scheduler).__name__, optimizer, place

    def _is_made(self, token: Any, result: Any) -> None:
        """Its constructor sets the rate to where a schedule begins, also where one from a checkpoint was further."""
        if token is None or (loaded := self._loaded.get(token[1])) is None:
            return
        now = rates_of(token[1])
        if loaded and now and now != loaded:
            self.log.add(Schedule(self.log.tick(), token[2], kind=token[0], loaded=loaded[0], reset=now[0]))

    def _steps(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        if is_users(frame.f_code) and (optimizer := getattr(arguments[0], "optimizer", None)) is not None:
            number = self.number(optimizer)
            if number is not None and number not in self.stepped:
                self.stepped[number] = type(arguments[0]).__name__, self.log.place(frame)
        if not is_users(frame.f_code) or (made := self._made_at.pop(arguments[0], None)) is None:
            return  # the constructor's own first step, or a later one
        if len(arguments) == 1 and not keywords:
            self._begins(arguments[0])
        setting = _length(arguments[0])
        epochs = None if setting is None else epochs_around(frame, made)
        if setting is not None and epochs is not None and 0 < setting[1] <= epochs:
            kind, said = type(arguments[0]).__name__, f"{setting[0]}={setting[1]}"
            self.log.add(Schedule(self.log.tick(), self.log.place(frame), kind=kind, setting=said, epochs=epochs))

    def _begins(self, scheduler: Any) -> None:
        """Its first turn, after a step of its optimizer: one that is taken forward to its place has none before it."""
        optimizer = getattr(scheduler, "optimizer", None)
        waiting = None if optimizer is None else self._waiting.pop(optimizer, None)
        stepped = getattr(optimizer, "_opt_called", False)
        if waiting is None or not stepped or scheduler in self._restored or getattr(scheduler, "last_epoch", -1) != 0:
            return
        kind, (place, turns) = type(scheduler).__name__, waiting
        self.log.add(Schedule(self.log.tick(), place, kind=kind, setting="not loaded", epochs=turns))


def _turns(content: Any, depth: int = 3) -> int:
    """How far a scheduler was whose state lies in what was read from a file; 0 without one."""
    if not isinstance(content, Mapping | list | tuple) or depth == 0:
        return 0
    if isinstance(content, Mapping) and isinstance(turns := content.get("last_epoch"), int):
        return turns if "_step_count" in content else 0
    parts = content.values() if isinstance(content, Mapping) else content
    return max((_turns(value, depth - 1) for value in list(parts)[:50]), default=0)


def _length(scheduler: Any) -> tuple[str, int] | None:
    """The setting that says after how many steps the rate has fallen, and its number."""
    schedulers = torch.optim.lr_scheduler
    if type(scheduler) is schedulers.StepLR and scheduler.gamma < 1:
        return "step_size", scheduler.step_size
    if type(scheduler) is schedulers.MultiStepLR and scheduler.gamma < 1 and scheduler.milestones:
        return "milestones", max(scheduler.milestones)
    if type(scheduler) is schedulers.CosineAnnealingLR:
        return "T_max", scheduler.T_max
    return None
