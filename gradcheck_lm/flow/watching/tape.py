"""What a recording is made of: values (tokens), calls, and stretches without gradient. No tensor, no frame."""

from __future__ import annotations

from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch

from gradcheck_lm.flow.operations.names import Operation
from gradcheck_lm.flow.watching.sites import Site

FLOATS = frozenset(
    dtype
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype) and (dtype.is_floating_point or dtype.is_complex)
)
OPEN = -1  # gradient is on
IN_FUNCTION = -2  # off because a custom Function's forward runs: its backward speaks for it
IN_CHECKPOINT = -3  # off because reentrant checkpointing runs: it will be recomputed with gradient

NO_ARRAY = -1  # of a call's `memory`: it shares no array that was seen
OWN_MEMORY = -2  # torch's own, so not NumPy's: as likely a constant from before the block as numbers that came back


class Token:
    """One value of one tensor: a tensor that is changed in place gets a new token."""

    __slots__ = ("dtype", "is_float", "producer", "requires_grad", "shape")

    def __init__(self, tensor: torch.Tensor, producer: int) -> None:
        self.producer = producer  # index of the call that made it, -1 where it was met from outside
        self.requires_grad = tensor.requires_grad
        dtype = self.dtype = tensor.dtype
        self.is_float = dtype in FLOATS
        self.shape = tensor.shape


class Call:
    """One recorded call."""

    __slots__ = (
        "branch_value", "function_site", "host", "inputs", "live", "memory", "module", "operation", "outputs", "scope",
        "site",
    )  # fmt: skip

    def __init__(
        self,
        operation: Operation,
        inputs: tuple[int, ...],
        live: bool,
        scope: int,
        site: Site | None,
        module: int = -1,
    ) -> None:
        self.operation = operation
        self.inputs = inputs  # tokens
        self.outputs: tuple[int, ...] = ()  # tokens
        self.live = live  # an input required grad
        self.scope = scope  # index of a switch, or one of the constants above
        self.site = site
        self.module = module
        self.function_site: Site | None = None  # where the custom Function around it was applied
        self.host: Any = None  # the numbers that left (an export) or came in (a factory, a scalar)
        self.branch_value = False  # an export that steers the program
        self.memory = NO_ARRAY  # the export call whose NumPy memory this value still shares


@dataclass
class Switch:
    """A stretch of the run with gradient switched off."""

    site: Site | None  # None: it was off before the recording began
    decorated: CodeType | None  # of the function, where a decorator switched it off
    inference: bool
    sampling: bool  # opened inside torch.distributions
    stack: tuple[tuple[CodeType, int], ...] = ()


def named_operation(title: str) -> Operation:
    """A step that is no torch function: a meeting, a custom Function, a plain number."""
    name = title.rsplit(".", 1)[-1]
    return Operation(
        name=name,
        title=title,
        skip=False,
        export=False,
        branch=False,
        factory=name == "from_numpy",
        shape_only=False,
        in_place=False,
        marks_leaf=name in ("Parameter", "requires_grad"),
        grad_mode=False,
    )
