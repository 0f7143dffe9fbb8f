"""What a program does itself, past optimizers and modules: weights that it writes, dropout called as a function."""

from __future__ import annotations

import ast
import functools
import weakref
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.parameter import is_lazy

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change, Mode
from gradcheck_lm.flow.stepping.recording.accounts import gradient_of
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.source import called, stands_on, tree_of

_ALIKE = 0.99  # cosine between what is added to a weight and its gradient
_SIGNS = {"add_": 1.0, "__iadd__": 1.0, "sub_": -1.0, "__isub__": -1.0}
_DROPOUTS: frozenset[Callable[..., Any]] = frozenset(
    [
        F.dropout, F.alpha_dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.feature_alpha_dropout,
        F.scaled_dot_product_attention,
    ]
)  # fmt: skip


class ByHand:
    """Notes what the program's own lines write into weights, and dropout that does not know its module's mode."""

    DROPOUTS = _DROPOUTS

    def __init__(self, log: Log) -> None:
        self.log = log
        self._sources: dict[int, weakref.ref[torch.Tensor]] = {}
        self._modules: dict[int, weakref.ref[torch.nn.Module]] = {}
        self._told: set[int] = set()  # places of dropout

    def offer(self, module: torch.nn.Module) -> None:
        """A module that the program has in a variable: it may be written from and never run."""
        self._modules.setdefault(id(module), weakref.ref(module))

    def sources(self) -> list[torch.Tensor]:
        """Parameters that some weight was written from, of modules that need never run: a moving average."""
        found = [tensor for reference in self._sources.values() if (tensor := reference()) is not None]
        modules = [module for reference in self._modules.values() if (module := reference()) is not None]
        return [*found, *(one for module in modules for one in module.parameters() if not is_lazy(one))]

    def written(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], index: int, place: int) -> None:
        """A line of the program's own is about to write into a leaf."""
        self.log.writes[index] = place
        others = [one for one in args[1:] if isinstance(one, torch.Tensor)]
        for other in others:
            if isinstance(other, torch.nn.Parameter):
                self._sources[id(other)] = weakref.ref(other)
                self.log.accounts.of(other)
        sign, leaf = _SIGNS.get(getattr(func, "__name__", ""), 0.0), self.log.accounts[index].tensor
        if not sign or not others or leaf is None or (gradient := gradient_of(leaf)) is None:
            return
        factor = sign * float(kwargs.get("alpha", 1.0))
        if others[0].shape != gradient.shape or others[0].is_complex() or gradient.is_sparse:
            return
        one, two = others[0].detach().double().flatten(), gradient.detach().double().flatten()
        lengths = float(one.norm() * two.norm())
        if lengths > 0.0 and factor * float(one @ two) / lengths > _ALIKE * abs(factor):
            contents = {index: self.log.accounts[index].contents}
            self.log.add(Change(self.log.tick(), place, what="uphill", count=1, contents=contents))

    def dropped(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType) -> None:
        """A dropout is called as a function, by the forward of a module of the program's own."""
        rate = (
            kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0) if _is_attention(func) else kwargs.get("p", 0.5)
        )
        active = rate > 0 and (_is_attention(func) or bool(kwargs.get("training", True)))
        place = self.log.place(frame) if active else NOWHERE
        if place == NOWHERE or place in self._told or (module := _module_of(frame)) is None:
            return
        said = _says_mode(*line_of(self.log.sites[place]), func.__name__)
        what = "dropout_always" if module.training else "dropout_in_eval"
        if said == "meant" or (module.training and said != "no"):
            return
        self._told.add(place)
        title = f"torch.nn.functional.{func.__name__}"
        name = type(module).__name__
        self.log.add(Mode(self.log.tick(), place, module=name, training=module.training, what=what, function=title))


def _is_attention(func: Any) -> bool:
    return func is F.scaled_dot_product_attention


def _module_of(frame: FrameType | None) -> torch.nn.Module | None:
    """The module in whose forward a function is called, where that is a class of the program's own."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").split(".")[0] not in ("torch", "gradcheck_lm"):
            module = frame.f_locals.get("self")
            return module if isinstance(module, torch.nn.Module) else None
        if frame.f_code.co_name == "forward":
            return None  # a module of torch's own, which knows its mode
        frame = frame.f_back
    return None


@functools.cache
def _says_mode(file: str, line: int, name: str) -> str:
    """Is the call at a line given a mode: "meant" (a constant), "yes", "no", or "" where that is open."""
    for node in ast.walk(tree_of(file)):
        if not isinstance(node, ast.Call) or not stands_on(node, line):
            continue
        if called(node) != name:
            continue
        given = {one.arg: one.value for one in node.keywords}
        if None in given or any(isinstance(one, ast.Starred) for one in node.args):
            return ""
        if name == "scaled_dot_product_attention":
            rate = given.get("dropout_p", node.args[4] if len(node.args) > 4 else None)
            return "no" if isinstance(rate, ast.Constant | ast.Attribute) else ""
        mode = given.get("training", node.args[2] if len(node.args) > 2 else None)
        if mode is None:
            return "no"
        return "meant" if isinstance(mode, ast.Constant) else "yes"
    return ""
