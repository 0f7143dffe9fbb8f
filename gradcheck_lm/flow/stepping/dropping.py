"""Functional dropout that drops in eval mode, because nobody passed the mode on."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch
from torch.nn import functional

from gradcheck_lm.flow.stepping.ledger import Dropped
from gradcheck_lm.flow.stepping.log import Log

_NAMES = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
DROPOUTS = frozenset(getattr(functional, name) for name in _NAMES)
_TRAINING = 2  # the position of `training` among their arguments


def dropped(log: Log, func: Any, keywords: Mapping[str, Any], frame: FrameType) -> Dropped | None:
    """The event of a dropout that is told to drop by its default alone, inside a module in eval mode; else None.

    Who passes `training=` has thought of it: Monte Carlo dropout keeps dropping on purpose.
    """
    if not keywords.get("training") or not keywords.get("p"):
        return None
    caller: FrameType | None = frame
    while caller is not None and caller.f_globals.get("__name__", "").split(".")[0] == "torch":
        caller = caller.f_back
    if caller is None:
        return None
    module = _module_around(caller)
    if module is None or module.training or not _by_default(caller):
        return None
    return Dropped(log.tick(), log.place(caller), function=f"F.{func.__name__}", module=type(module).__name__)


def _module_around(frame: FrameType | None) -> torch.nn.Module | None:
    """The module in whose method a frame runs, or that called the function."""
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, torch.nn.Module):
            return found
        frame = frame.f_back
    return None


def _by_default(frame: FrameType) -> bool:
    """Whether the line calls a dropout, and none with its `training` argument."""
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except (SyntaxError, ValueError):
        return False
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node.lineno <= frame.f_lineno <= (node.end_lineno or 0)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in _NAMES
    ]
    return bool(calls) and not any(
        len(call.args) > _TRAINING or any(word.arg in ("training", None) for word in call.keywords) for call in calls
    )
