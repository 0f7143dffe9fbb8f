"""Norms and dropout: in which mode they run, where that was set, and whether they learn where nothing is trained."""

from __future__ import annotations

import inspect
import sys
import weakref
from types import FrameType
from typing import Any

import torch
from torch.optim.swa_utils import update_bn

from gradcheck_lm.flow.stepping.ledger.ledger import Mode
from gradcheck_lm.flow.stepping.recording.log import Log

_TRAIN = torch.nn.Module.train.__code__
_NORMS = torch.nn.modules.batchnorm._NormBase
_MODAL = (torch.nn.modules.batchnorm._NormBase, torch.nn.modules.dropout._DropoutNd)
_UPDATES = inspect.unwrap(update_bn).__code__  # what stands around it is every no_grad decorator's
_CALLS = {torch.nn.Module._call_impl.__code__, torch.nn.Module._wrapped_call_impl.__code__}


class Modes:
    """Sees train() and eval(), and the modules that mind."""

    def __init__(self, log: Log) -> None:
        self.log = log
        # places at which trained norms learnt without a gradient: when, which, and where train() was called for it
        self.aside: dict[int, tuple[int, str, int | None]] = {}
        self._told_aside: set[int] = set()
        self._last: dict[int, bool] = {}  # module -> whether it was in training mode when it ran with gradients
        self._trained: dict[int, weakref.ref[torch.nn.Module]] = {}  # those whose train() was called
        self._back_in_eval: set[int] = set()  # parts of those whose eval() was called after that
        self._switched: dict[int, int] = {}  # where a module's mode was set last
        self._on_unseen: dict[int, int] = {}  # where train() was called with gradient off, and nothing after it

    def ran(self, module: torch.nn.Module) -> None:
        """A module is called."""
        if not isinstance(module, _MODAL):
            return
        key, grad = id(module), torch.is_grad_enabled()
        before = self._last.get(key)
        if not grad:
            if isinstance(module, _NORMS) and module.training and before:
                self._learns_aside(module)
            return
        self._last[key] = module.training
        again = before is None and not module.training and key in self._back_in_eval
        if again or (before is not None and before != module.training):
            place = self._switched.get(key, self.log.place(None))
            what, name = "train_then_eval" if again else "flip", type(module).__name__
            self.log.add(Mode(self.log.tick(), place, module=name, training=module.training, what=what))

    def _learns_aside(self, module: torch.nn.Module) -> None:
        """A norm that has been trained learns its statistics without a gradient: the line that runs the model."""
        if not getattr(module, "track_running_stats", False):
            return
        frame: FrameType | None = sys._getframe(2)
        outermost = frame
        while frame is not None:
            if frame.f_code in _CALLS:
                outermost = frame
            if frame.f_code is _UPDATES:
                return  # it is there for that
            frame = frame.f_back
        place, line = self.log.place(outermost), self._on_unseen.get(id(module))
        self.aside.setdefault(place, (self.log.tick(), type(module).__name__, line))

    def settle_aside(self, *, used: bool) -> None:
        """What ran aside so far came into no loss, or did: then its statistics may be meant."""
        for place, (time, name, line) in self.aside.items() if not used else ():
            if place not in self._told_aside:
                self._told_aside.add(place)
                what = "statistics_without_gradient" if line is None else "train_in_evaluation"
                self.log.add(Mode(time, place if line is None else line, module=name, what=what))
        self.aside = {}

    def switching(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        """train() or eval() of a module; eval() is train(False)."""
        place, module = None, arguments[0]
        if frame.f_code is _TRAIN:
            return  # a part, by the module around it
        mode = arguments[1] if len(arguments) > 1 else keywords.get("mode", True)
        back = not mode and (known := self._trained.get(id(module))) is not None and known() is module
        if mode:
            self._trained[id(module)] = weakref.ref(module)
        for part in module.modules():
            if isinstance(part, _MODAL):
                (self._back_in_eval.add if back else self._back_in_eval.discard)(id(part))
                place = self.log.place(frame) if place is None else place
                self._switched[id(part)] = place
                if mode and not torch.is_grad_enabled():
                    self._on_unseen[id(part)] = place
                else:
                    self._on_unseen.pop(id(part), None)
