"""One run watched from the outside: every torch function call, its tensors and the user's line, and no tensor kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradcheck_lm.flow.operations.names import RANDOM, Operation, describe, is_lasting, with_arguments
from gradcheck_lm.flow.watching.intervention import Intervention
from gradcheck_lm.flow.watching.modes.compiled import EagerCompiler
from gradcheck_lm.flow.watching.modes.switches import APPLY, Switches
from gradcheck_lm.flow.watching.modules import ModuleStack
from gradcheck_lm.flow.watching.numbers import numbers, numbers_in
from gradcheck_lm.flow.watching.randomness.checkpoints import drawn_again
from gradcheck_lm.flow.watching.sites import end_at_the_program, find_outer_site, find_site, find_site_in_module
from gradcheck_lm.flow.watching.tape import IN_FUNCTION, OPEN, SEQUENCE, Call, Recording, named_operation
from gradcheck_lm.flow.watching.tensors import TensorBook, collect

_DEEPCOPY = torch.nn.Parameter.__deepcopy__.__code__
_PICKLING, _UNPICKLING = torch.Tensor._reduce_ex_internal.__code__, torch._utils._rebuild_tensor.__code__
_PICKLE_OPERATION = replace(named_operation("torch.Tensor.__reduce_ex__"), export=True)
_DEEPCOPY_OPERATION = named_operation("torch.Tensor.__deepcopy__")
_TORCH_OPERATIONS: dict[Any, Operation] = {}  # torch's own C functions live as long as torch does
_ORDINARY: dict[Any, Operation] = {}  # those of them that need nothing but the short way
_SKIPPED: set[Any] = set()  # those through which nothing flows
_REGISTER_HOOK = torch.Tensor.register_hook
_TENSOR, _PARAMETER = torch.Tensor, torch.nn.Parameter
_NO_TENSORS = frozenset([int, float, bool, str, type(None), torch.dtype, torch.device, torch.Size])
_NONE: dict[str, Any] = {}


class Recorder(TorchFunctionMode):
    """Records every torch function call between enter and exit; changes and keeps nothing of what it sees.

    What lasts as long as the watching is the recorder's; what belongs to one step is its `recording`, and
    `start_again` begins a new one.

    Args:
        intervention: does the calls itself, for a run that is to differ from the program's own.
    """

    def __init__(self, intervention: Intervention | None = None) -> None:
        super().__init__()
        self.intervention = intervention
        self.modules = ModuleStack()
        self.switches = Switches()
        self._operations: dict[Any, Operation] = {}  # of functions that are not torch's own
        self._compiler = EagerCompiler()
        self.start_again()

    def start_again(self) -> None:
        """Begin a new recording: what was seen so far belongs to the graph of the step before."""
        self.modules.forget_dead()
        self.recording = Recording(self.switches.seen, self.modules.ran, self.modules.roots)
        self.recording.called = self.modules.start_again(self.recording.calls)
        self.recording.made = self.modules.made
        self.book = TensorBook(self.recording, self.modules.site, self.intervention)
        if self.intervention is not None:
            self.intervention.begin(self.recording)

    # ------------------------------------------------------------------ the block

    def __enter__(self) -> Recorder:
        self.switches.open()
        self.modules.open(lambda parameter, frame: self.book.register(parameter, frame))
        self.recording.start = SEQUENCE() if SEQUENCE is not None else 0
        self._compiler.open()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        end_at_the_program(trace)
        self._compiler.close()
        self.modules.close()
        self._operations.clear()

    # ------------------------------------------------------------------ what is asked of it afterwards

    def token_of(self, tensor: torch.Tensor) -> int | None:
        """The newest token of a tensor, None where it was never seen."""
        return self.book.token_of(tensor)

    def see(self, tensor: torch.Tensor) -> int:
        """The token of a tensor as it is now, after the block."""
        return self.book.read(tensor, sys._getframe(1))

    def number(self, value: float) -> int:
        """A loss term that is a plain Python number: a token that only values from outside torch lead to."""
        call = Call(named_operation("number"), (), False, OPEN, self.recording.program)
        call.host = numbers(value)
        self.book.keep(call, [torch.tensor(float(value))])
        return call.outputs[0]

    def call_of(self, node: Any) -> int | None:
        """The call during which an autograd node was made, None for one from before the block."""
        return self.recording.call_of(node)

    # ------------------------------------------------------------------ one call

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        __tracebackhide__ = True
        operation = _ORDINARY.get(func)
        if operation is not None and self.intervention is None and torch.is_grad_enabled():
            if kwargs is None:
                return self._record_ordinary(operation, func, args, _NONE, sys._getframe(1))
            if "out" not in kwargs and kwargs.get("inplace") is not True:
                return self._record_ordinary(operation, func, args, kwargs, sys._getframe(1))
        if func is _REGISTER_HOOK and (site := self.modules.site(sys._getframe(1))) is not None:
            self.recording.hooks[self._token(args[0], sys._getframe(1))] = site
        if func in _SKIPPED:
            return func(*args, **(kwargs or _NONE))
        kwargs = kwargs or {}
        operation = operation or _TORCH_OPERATIONS.get(func) or self._operations.get(func)
        if operation is None:
            operation = describe(func)
            own = operation.title.startswith("torch.") and is_lasting(func)
            (_TORCH_OPERATIONS if own else self._operations)[func] = operation
            if own and operation.is_ordinary():
                _ORDINARY[func] = operation
            if own and operation.skip:
                _SKIPPED.add(func)
        if operation.skip:
            return func(*args, **kwargs)
        if operation.grad_mode:
            return self.switches.turn(func, args, sys._getframe(1))
        return self._record(operation, func, args, kwargs, sys._getframe(1))

    def _record_ordinary(
        self,
        operation: Operation,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType,
    ) -> Any:
        """As `_record`, for nearly every call of a step: written out, for each is as short as the step's operations."""
        __tracebackhide__ = True
        tensors: list[torch.Tensor] = []
        for item in (*args, *kwargs.values()) if kwargs else args:
            kind = type(item)
            if kind is _TENSOR or kind is _PARAMETER:
                tensors.append(item)
            elif kind not in _NO_TENSORS:
                collect((item,), tensors)
        book, recording = self.book, self.recording
        known, tokens, mutated = book.known, recording.tokens, book.mutated
        live = False
        inputs: list[int] = []
        for tensor in tensors:
            entry = known.get(id(tensor))
            grad = tensor.requires_grad
            live = live or grad
            if entry is None:
                if type(tensor) is _PARAMETER and not mutated:
                    inputs.append(book.read_parameter(tensor, frame))
                else:
                    inputs.append(book.read(tensor, frame))
            elif mutated or entry[0]() is not tensor or grad != tokens[entry[1]].requires_grad:
                inputs.append(book.read(tensor, frame))
            else:
                inputs.append(entry[1])
        modules = self.modules
        if modules.running:
            site = find_site_in_module(frame, modules.sites[-1])
            call = Call(operation, tuple(inputs), live, OPEN, site, modules.running[-1])
        else:
            call = Call(operation, tuple(inputs), live, OPEN, find_site(frame))
        if (site := call.site) is not None and site[0] not in recording.arguments.of:
            recording.arguments.note(frame, site[0])
        if frame.f_code is _DEEPCOPY:
            call.operation = _DEEPCOPY_OPERATION
        if recording.exports:
            call.host = numbers_in(args, kwargs, everything=False)
        result = func(*args, **kwargs) if kwargs else func(*args)
        if type(result) is not _TENSOR:
            self._finish(call, result, tensors, args, kwargs)
            return result
        for tensor in tensors:
            if tensor is result:  # x.float() of a float tensor gives x itself: no step
                return result
        book.keep_one(call, result)
        return result

    def _record(
        self,
        operation: Operation,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType,
    ) -> Any:
        __tracebackhide__ = True
        if frame.f_code is _DEEPCOPY:
            operation = _DEEPCOPY_OPERATION
        elif operation.name == "storage_offset" and frame.f_code is _PICKLING:
            operation = _PICKLE_OPERATION
        elif operation.name == "storage_offset" or frame.f_code is _UNPICKLING:
            return func(*args, **kwargs)  # what is read back is met when it is first used
        tensors: list[torch.Tensor] = []
        collect(args, tensors)
        if kwargs:
            collect(kwargs.values(), tensors)
        read = tensors
        if operation.derivative.asks_arguments:
            operation, read = with_arguments(operation, args, kwargs), operation.derivative.read(tensors)
        if "out" in kwargs:  # what stood in there before is overwritten
            read = []
            collect((args, {name: value for name, value in kwargs.items() if name != "out"}), read)
        live = False
        inputs: list[int] = []
        if not operation.shape_only:
            for tensor in read:
                live = live or tensor.requires_grad
                inputs.append(self._token(tensor, frame))
        scope = OPEN if torch.is_grad_enabled() else self.switches.scope(frame)
        call = Call(operation, tuple(inputs), live, scope, self.modules.site(frame))
        if self.modules.running:
            call.module = self.modules.running[-1]
        if call.site is not None and call.site.code not in self.recording.arguments.of:
            self.recording.arguments.note(frame, call.site.code)
        if scope <= IN_FUNCTION:
            call.function_site = find_outer_site(frame, APPLY)
        elif scope >= 0 and call.site is not None:
            self.switches.lead(scope, call.site.code, frame)
        other = self.intervention
        deep = other is not None and other.deep
        if operation.name in RANDOM and (again := drawn_again(operation.name, args, kwargs, frame)) is not None:
            self.recording.redrawn[len(self.recording.calls)] = again
        if self.recording.exports or operation.factory or deep:
            call.host = numbers_in(args, kwargs, everything=deep or operation.factory)
        result = func(*args, **kwargs) if other is None else other.run(call, func, args, kwargs)
        self._finish(call, result, tensors, args, kwargs)
        return result

    def _token(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """As `TensorBook.read`, the short way where nothing has happened to the tensor."""
        entry = self.book.known.get(id(tensor))
        if entry is None or self.book.mutated or entry[0]() is not tensor:
            return self.book.read(tensor, frame)
        fresh = tensor.requires_grad == self.recording.tokens[entry[1]].requires_grad
        return entry[1] if fresh else self.book.read(tensor, frame)

    # ------------------------------------------------------------------ what it made

    def _finish(
        self, call: Call, result: Any, tensors: list[torch.Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        operation = call.operation
        produced: list[torch.Tensor] = []
        if isinstance(result, torch.Tensor):
            if not (operation.in_place or operation.factory or kwargs):  # the common case
                if not any(result is tensor for tensor in tensors):
                    self.book.keep(call, [result])
                return
            produced.append(result)
        elif result is not None and not operation.export:
            collect((result,), produced)
        if operation.in_place or "out" in kwargs or kwargs.get("inplace") is True:
            target = kwargs["out"] if "out" in kwargs else args[0] if args else None
            targets: list[torch.Tensor] = []
            collect((target,), targets)
            produced = targets + [tensor for tensor in produced if all(tensor is not other for other in targets)]
            self.book.keep(call, produced, changed=len(targets))
        elif operation.export:
            call.host = numbers(args[0] if operation.name == "__reduce_ex__" else result)
            call.branch_value = operation.branch
            self.recording.exports.append(len(self.recording.calls))
            self.book.arrays.keep(result, len(self.recording.calls))
            self.book.keep(call, [])
        elif produced:
            self._keep_fresh(call, produced, {id(tensor) for tensor in tensors})

    def _keep_fresh(self, call: Call, produced: list[torch.Tensor], same: set[int]) -> None:
        """Write down a call's results but those that are its arguments: x.float() of a float tensor is x itself."""
        fresh = [tensor for tensor in produced if id(tensor) not in same]
        if not fresh:
            return
        if call.operation.factory and self.book.arrays:
            source = self.book.arrays.source_of(fresh[0])
            call.memory = -1 if source is None else source
        if not (call.operation.derivative.pairwise and len(produced) == len(call.inputs)):
            self.book.keep(call, fresh)
            return
        for parent, tensor in zip(call.inputs, produced, strict=True):  # each is one of its arguments in another shape
            live = self.recording.tokens[parent].requires_grad
            own = Call(call.operation, (parent,), live, call.scope, call.site, call.module)
            self.book.keep(own, [tensor] if id(tensor) not in same else [])
