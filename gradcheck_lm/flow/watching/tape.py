"""A recording and what it is made of: values (tokens), calls, and stretches without gradient. No frame."""

from __future__ import annotations

import bisect
import itertools
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import torch

from gradcheck_lm.flow.operations.names import Operation
from gradcheck_lm.flow.watching.arguments import Arguments
from gradcheck_lm.flow.watching.modules import Made, ModuleCall
from gradcheck_lm.flow.watching.randomness.draws import Draw
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

# Autograd numbers its nodes: to read that count after each call is far cheaper than to write a mark on each node.
# Where torch has no such count, the marks are written.
SEQUENCE: Callable[[], int] | None = getattr(torch.autograd, "_get_sequence_nr", None)
_serial = itertools.count()


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


@dataclass(frozen=True)
class TargetDoubt:
    """Something that is doubtful in the targets of a loss over classes."""

    kind: str
    cause: str
    call: int  # the loss, or what is doubtful in it
    values: dict[str, str]
    written: int | None = None  # the call that made the targets, or what they are held against, what they are
    said_by: str = "call"  # where it is told: there | "loss", "layer" (where that module is made, if it is one)


@dataclass
class Switch:
    """A stretch of the run with gradient switched off."""

    site: Site | None  # None: it was off before the recording began
    decorated: CodeType | None  # of the function, where a decorator switched it off
    inference: bool
    sampling: bool  # opened inside torch.distributions
    stack: tuple[tuple[CodeType, int], ...] = ()
    lasting: bool = False  # a call, no block or decorator: off until another call switches it on
    led: dict[CodeType, Site | None] = field(default_factory=dict)  # by what runs in it: the line inside that led there

    @property
    def off(self) -> CodeType | None:
        """The code that runs without gradient, itself and all that it calls."""
        return self.decorated or (self.site.code if self.site is not None else None)


class Recording:
    """What was seen of one step, readable after it; it holds no tensor but copies of single numbers."""

    def __init__(
        self,
        switches: list[Switch],
        modules: list[tuple[weakref.ref[torch.nn.Module], str]],
        roots: list[weakref.ref[torch.nn.Module]],
    ) -> None:
        self.calls: list[Call] = []
        self.tokens: list[Token] = []
        self.exports: list[int] = []  # calls at which a value left torch
        self.scalars: dict[int, torch.Tensor] = {}  # values of one number, copied: they may be terms of a loss
        self.switches = switches
        self.modules = modules  # every module that ran, with its class's name
        self.roots = roots  # those that no other module called
        self.called: dict[int, list[ModuleCall]] = {}  # of each module its calls
        self.made: Made = {}  # modules whose constructors were seen
        self.program: Site | None = None  # the function under diagnosis: where a plain number that it returns is placed
        self.severed: Mapping[tuple[int, int], str] = {}  # (call, input) -> kind of a cut that the tokens do not show
        self.ends: list[int] = []  # per call: how many autograd nodes this thread had made after it
        self.start = SEQUENCE() if SEQUENCE is not None else 0
        self.stamp = f"gradcheck_lm.{next(_serial)}"
        self.hooks: dict[int, Site] = {}  # tokens of tensors that the program put a hook on, and where
        self.redrawn: dict[int, Site] = {}  # calls that draw in a checkpoint which draws anew, and who calls that
        self.ahead: list[int] | None = None  # calls by which tokens read what follows, where that was asked in time
        self.target_doubts: list[TargetDoubt] | None = None  # None: not asked; the graph has to be there
        self.arguments = Arguments()
        self.draws: dict[int, Draw] = {}  # tokens of batches that loaders gave

    def around(self, index: int) -> Iterator[tuple[int, Site | None]]:
        """The modules that a call ran in, the innermost first, each with the line that called it then."""
        seen: set[int] = set()
        module = self.calls[index].module
        while module >= 0 and module not in seen:
            seen.add(module)
            calls = self.called.get(module, [])
            place = bisect.bisect_right(calls, index, key=lambda one: one.at)
            yield module, calls[place - 1].site if place else None
            module = calls[place - 1].caller if place else -1

    def behind(self, tokens: Iterable[int]) -> Iterator[int]:
        """The calls that values were computed by, the nearest first, each once."""
        waiting, seen = deque(tokens), set[int]()
        while waiting:
            token = waiting.popleft()
            producer = self.tokens[token].producer if token >= 0 else -1
            if producer >= 0 and producer not in seen:
                seen.add(producer)
                yield producer
                waiting.extend(self.calls[producer].inputs)

    def maker(self, token: int, through: frozenset[str]) -> int | None:
        """The call that made a value, past those `through` which it only got another form; None: not in here."""
        while token >= 0 and (index := self.tokens[token].producer) >= 0:
            call = self.calls[index]
            if call.operation.name not in through or not call.inputs or call.inputs[0] < 0:
                return index
            token = call.inputs[0]
        return None

    def layer(self, index: int) -> Site | None:
        """Where the activation was made, in an nn.Sequential, that a call belongs to: no line of a forward names it."""
        around = [self.modules[module][0]() for module, _ in self.around(index)]
        if len(around) < 2 or not isinstance(around[1], torch.nn.Sequential) or around[0] is None:
            return None
        known, activation = self.made.get(id(around[0])), next(around[0].parameters(), None) is None
        return known[1] if activation and known is not None and known[0]() is around[0] else None

    def call_of(self, node: Any) -> int | None:
        """The call during which an autograd node was made, None for one from before this step."""
        index = node.metadata.get(self.stamp)
        if index is not None or not self.ends:
            return index
        number = node._sequence_nr()
        place = bisect.bisect_right(self.ends, number)
        return place if self.start <= number and place < len(self.ends) else None


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
