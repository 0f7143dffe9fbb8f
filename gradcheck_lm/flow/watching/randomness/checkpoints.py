"""Checkpoints that are called without keeping the state of the random numbers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FrameType
from typing import Any

from torch.utils.checkpoint import checkpoint

from gradcheck_lm.flow.operations.names import DROPOUTS
from gradcheck_lm.flow.watching.sites import Site, find_site

_CHECKPOINT = inspect.unwrap(checkpoint).__code__


def drawn_again(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType | None) -> Site | None:
    """The line that calls the checkpoint around a random operation, where it draws other numbers in backward()."""
    if name in DROPOUTS:
        rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        training = kwargs.get("training", args[2] if len(args) > 2 else True)
        if not rate or not training:
            return None
    while frame is not None:
        if frame.f_code is _CHECKPOINT:
            return find_site(frame.f_back) if frame.f_locals.get("preserve") is False else None
        frame = frame.f_back
    return None
