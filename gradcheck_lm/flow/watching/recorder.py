"""One run watched from the outside: every torch function call, its tensors and the user's line, and no tensor kept."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import get_ident as _thread_id
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch

from gradcheck_lm.flow.operations.names import Operation, describe, with_arguments
from gradcheck_lm.flow.watching import numbers as host
from gradcheck_lm.flow.watching.compiled import EagerCompiler
from gradcheck_lm.flow.watching.sites import Site, above_module_call, find_outer_site, find_site, find_site_in_module
from gradcheck_lm.flow.watching.switches import APPLY, Switches
from gradcheck_lm.flow.watching.tape import IN_FUNCTION, OPEN, Call, Switch, named_operation
from gradcheck_lm.flow.watching.tensors import SEQUENCE, Ledger, collect

_DEEPCOPY = torch.nn.Parameter.__deepcopy__.__code__
_PICKLING, _UNPICKLING = torch.Tensor._reduce_ex_internal.__code__, torch._utils._rebuild_tensor.__code__
_PICKLE_OPERATION = replace(named_operation("torch.Tensor.__reduce_ex__"), export=True)
_DEEPCOPY_OPERATION = named_operation("torch.Tensor.__deepcopy__")
_TORCH_OPERATIONS: dict[Any, Operation] = {}  # torch's own C functions live as long as torch does
_ORDINARY: dict[Any, Operation] = {}  # those of them that need nothing but the short way
_SKIPPED: set[Any] = set()  # those through which nothing flows
_TENSOR, _PARAMETER = torch.Tensor, torch.nn.Parameter
_NO_TENSORS = frozenset([int, float, bool, str, type(None), torch.dtype, torch.device, torch.Size])
_NONE: dict[str, Any] = {}


class Recorder(Ledger, Switches):
    """Records every torch function call between enter and exit; changes and keeps nothing of what it sees."""

    deep = False  # a replay also keeps the numbers given to every call
    intervenes = False  # `run` does more than the call
    severed: Mapping[tuple[int, int], str] = {}  # (call, input token) -> kind of a cut that the tokens do not show

    def __init__(self) -> None:
        super().__init__()
        self.switches: list[Switch] = []
        self.modules: list[tuple[weakref.ref[torch.nn.Module], str]] = []
        self.roots: list[weakref.ref[torch.nn.Module]] = []
        self._operations: dict[Any, Operation] = {}  # of functions that are not torch's own
        self._module_sites: list[Site | None] = []  # from where each running module was called
        self._switch = OPEN
        self._closed: list[int] = []
        self._module_stack: list[int] = []
        self._module_index: dict[int, int] = {}
        self._hooks: list[Any] = []
        self._compiler = EagerCompiler()
        self._thread = _thread_id()

    # ------------------------------------------------------------------ the block

    def __enter__(self) -> Recorder:
        self._thread = _thread_id()
        if not torch.is_grad_enabled():
            self.switches.append(Switch(None, None, torch.is_inference_mode_enabled(), False))
            self._switch = len(self.switches) - 1
        register = torch.nn.modules.module
        self._hooks = [
            register.register_module_forward_pre_hook(self._enter_module),
            register.register_module_forward_hook(self._leave_module, always_call=True),
        ]
        self.start = SEQUENCE() if SEQUENCE is not None else 0
        self._compiler.open()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._compiler.close()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._operations.clear()

    def _enter_module(self, module: torch.nn.Module, inputs: Any) -> None:
        if _thread_id() != self._thread:
            return
        index = self._module_index.get(id(module))
        if index is None or self.modules[index][0]() is not module:
            index = self._module_index[id(module)] = len(self.modules)
            self.modules.append((weakref.ref(module), type(module).__name__))
        if not self._module_stack:
            self.roots.append(weakref.ref(module))
        self._module_sites.append(self._site(above_module_call(sys._getframe(1))))
        self._module_stack.append(index)

    def _site(self, frame: FrameType | None) -> Site | None:
        return find_site_in_module(frame, self._module_sites[-1]) if self._module_sites else find_site(frame)

    def _leave_module(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if self._module_stack and _thread_id() == self._thread:
            self._module_stack.pop()
            self._module_sites.pop()

    # ------------------------------------------------------------------ one call

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        operation = _ORDINARY.get(func)
        if operation is not None and not self.intervenes and torch.is_grad_enabled():
            if kwargs is None:
                return self._record_ordinary(operation, func, args, _NONE, sys._getframe(1))
            if "out" not in kwargs and kwargs.get("inplace") is not True:
                return self._record_ordinary(operation, func, args, kwargs, sys._getframe(1))
        if func in _SKIPPED:
            return func(*args, **(kwargs or _NONE))
        kwargs = kwargs or {}
        operation = operation or _TORCH_OPERATIONS.get(func) or self._operations.get(func)
        if operation is None:
            operation = describe(func)
            own = operation.title.startswith("torch.") and _is_lasting(func)
            (_TORCH_OPERATIONS if own else self._operations)[func] = operation
            if own and operation.is_ordinary():
                _ORDINARY[func] = operation
            if own and operation.skip:
                _SKIPPED.add(func)
        if operation.skip:
            return func(*args, **kwargs)
        if operation.grad_mode:
            return self._switch_gradient(func, args, sys._getframe(1))
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
        tensors: list[torch.Tensor] = []
        for item in (*args, *kwargs.values()) if kwargs else args:
            kind = type(item)
            if kind is _TENSOR or kind is _PARAMETER:
                tensors.append(item)
            elif kind not in _NO_TENSORS:
                collect((item,), tensors)
        known, tokens, mutated = self._known, self.tokens, self.mutated
        live = False
        inputs: list[int] = []
        for tensor in tensors:
            entry = known.get(id(tensor))
            grad = tensor.requires_grad
            live = live or grad
            if entry is None:
                if type(tensor) is _PARAMETER and not mutated:
                    inputs.append(self._meet_parameter(tensor, frame))
                else:
                    inputs.append(self._read(tensor, frame))
            elif mutated or entry[0]() is not tensor or grad != tokens[entry[1]].requires_grad:
                inputs.append(self._read(tensor, frame))
            else:
                inputs.append(entry[1])
        if self._module_stack:
            site = find_site_in_module(frame, self._module_sites[-1])
            call = Call(operation, tuple(inputs), live, OPEN, site, self._module_stack[-1])
        else:
            call = Call(operation, tuple(inputs), live, OPEN, find_site(frame))
        if frame.f_code is _DEEPCOPY:
            call.operation = _DEEPCOPY_OPERATION
        if self.exports:
            call.host = host.numbers_in(args, kwargs, everything=False)
        result = func(*args, **kwargs) if kwargs else func(*args)
        if type(result) is not _TENSOR:
            self._finish(call, result, tensors, args, kwargs)
            return result
        for tensor in tensors:
            if tensor is result:  # x.float() of a float tensor gives x itself: no step
                return result
        self._keep_one(call, result)
        return result

    def run(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do the call itself; a replay changes an exported value here, a what-if bridges a cut."""
        return func(*args, **kwargs)

    def _record(
        self,
        operation: Operation,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType,
    ) -> Any:
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
            known, tokens = self._known, self.tokens
            for tensor in read:
                entry = known.get(id(tensor))
                grad = tensor.requires_grad
                live = live or grad
                if entry is None or self.mutated or entry[0]() is not tensor or grad != tokens[entry[1]].requires_grad:
                    inputs.append(self._read(tensor, frame))
                else:
                    inputs.append(entry[1])
        scope = OPEN if torch.is_grad_enabled() else self._scope(frame)
        call = Call(operation, tuple(inputs), live, scope, self._site(frame))
        if self._module_stack:
            call.module = self._module_stack[-1]
        if scope <= IN_FUNCTION:
            call.function_site = find_outer_site(frame, APPLY)
        if self.exports or operation.factory or self.deep:
            call.host = host.numbers_in(args, kwargs, everything=self.deep or operation.factory)
        result = self.run(call, func, args, kwargs) if self.intervenes else func(*args, **kwargs)
        self._finish(call, result, tensors, args, kwargs)
        return result


def _is_lasting(func: Callable[..., Any]) -> bool:
    """Whether a function of torch lives as long as torch: C's do, and those that a module of torch holds by name."""
    if not isinstance(func, FunctionType):
        return True
    return (
        getattr(sys.modules.get(func.__module__), func.__name__, None) is func
        or getattr(torch.Tensor, func.__name__, None) is func
    )
