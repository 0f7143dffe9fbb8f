"""One run watched from the outside: every torch function call, its tensors and the user's line, and no tensor kept."""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradcheck_lm.flow import host
from gradcheck_lm.flow.operations import Operation, describe
from gradcheck_lm.flow.sites import Site, above_module_call, find_outer_site, find_site, find_site_in_module

_FLOATS = frozenset(
    dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype) and (dtype.is_floating_point or dtype.is_complex)
)
_APPLY = torch.autograd.function.Function.apply.__func__.__code__  # the frame of a custom Function's call
_DEEPCOPY = torch.nn.Parameter.__deepcopy__.__code__
_TORCH_OPERATIONS: dict[Any, Operation] = {}  # torch's own C functions live as long as torch does
_serial = itertools.count()

OPEN = -1  # gradient is on
IN_FUNCTION = -2  # off because a custom Function's forward runs: its backward speaks for it
IN_CHECKPOINT = -3  # off because reentrant checkpointing runs: it will be recomputed with gradient


class Token:
    """One value of one tensor: a tensor that is changed in place gets a new token."""

    __slots__ = ("address", "dtype", "is_float", "leaf", "producer", "requires_grad", "shape")

    def __init__(self, tensor: torch.Tensor, producer: int) -> None:
        self.producer = producer  # index of the call that made it, -1 where it was met from outside
        self.requires_grad = tensor.requires_grad
        self.dtype = tensor.dtype
        self.is_float = tensor.dtype in _FLOATS
        self.shape = tensor.shape
        self.leaf = False
        self.address = 0


class Call:
    """One recorded call."""

    __slots__ = ("branch_value", "function_site", "host", "inputs", "live", "memory", "module", "operation", "outputs", "scope", "site")

    def __init__(self, operation: Operation, inputs: tuple[int, ...], live: bool, scope: int, site: Site | None) -> None:
        self.operation = operation
        self.inputs = inputs  # tokens
        self.outputs: tuple[int, ...] = ()
        self.live = live  # an input required grad
        self.scope = scope
        self.site = site
        self.function_site: Site | None = None  # where the custom Function around it was applied
        self.module = -1
        self.host: Any = None  # the numbers that left (an export) or came in (a factory, a scalar)
        self.branch_value = False
        self.memory = -1  # the export call whose NumPy memory this value still shares


@dataclass
class Switch:
    """A stretch of the run with gradient switched off."""

    site: Site | None  # None: it was off before the recording began
    decorated: Any  # code object of the decorated function, where a decorator switched it off
    inference: bool
    sampling: bool  # opened inside torch.distributions
    stack: tuple[tuple[Any, int], ...] = ()


class Recorder(TorchFunctionMode):
    """Records every torch function call between enter and exit; changes and keeps nothing of what it sees."""

    deep = False  # a replay also keeps the numbers given to every call

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.tokens: list[Token] = []
        self.exports: list[int] = []
        self.switches: list[Switch] = []
        self.scalars: dict[int, torch.Tensor] = {}  # values of one number, copied: they may be terms of a loss
        self.mutated: dict[int, int] = {}  # storage address -> token of its last change
        self.modules: list[tuple[weakref.ref[torch.nn.Module], str]] = []
        self.roots: list[weakref.ref[torch.nn.Module]] = []
        self.compiled = False
        self.stamp = f"gradcheck_lm.{next(_serial)}"
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self._addresses: dict[int, int] = {}  # data address -> newest token
        self._operations: dict[Any, Operation] = {}  # of functions that are not torch's own
        self._module_sites: list[Site | None] = []  # from where each running module was called
        self._arrays: list[tuple[weakref.ref[Any], int, int]] = []  # exported NumPy memory: array, address, call
        self._switch = OPEN
        self._closed: list[int] = []
        self._module_stack: list[int] = []
        self._module_index: dict[int, int] = {}
        self._hooks: list[Any] = []
        self._thread = threading.get_ident()

    # ------------------------------------------------------------------ the block

    def __enter__(self) -> Recorder:
        self._thread = threading.get_ident()
        if not torch.is_grad_enabled():
            self.switches.append(Switch(None, None, torch.is_inference_mode_enabled(), False))
            self._switch = len(self.switches) - 1
        register = torch.nn.modules.module
        self._hooks = [
            register.register_module_forward_pre_hook(self._enter_module),
            register.register_module_forward_hook(self._leave_module, always_call=True),
        ]
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._operations.clear()

    def _enter_module(self, module: torch.nn.Module, inputs: Any) -> None:
        if threading.get_ident() != self._thread:
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
        if threading.get_ident() == self._thread and self._module_stack:
            self._module_stack.pop()
            self._module_sites.pop()

    # ------------------------------------------------------------------ one call

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        operation = _TORCH_OPERATIONS.get(func) or self._operations.get(func)
        if operation is None:
            operation = describe(func)
            own = operation.title.startswith("torch.") and not isinstance(func, FunctionType)
            (_TORCH_OPERATIONS if own else self._operations)[func] = operation
        if operation.skip:
            return func(*args, **kwargs)
        if operation.grad_mode:
            return self._switch_gradient(func, args, sys._getframe(1))
        return self._record(operation, func, args, kwargs, sys._getframe(1))

    def run(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do the call itself; a replay changes an exported value here."""
        return func(*args, **kwargs)

    def _record(
        self, operation: Operation, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType
    ) -> Any:
        if frame.f_code is _DEEPCOPY:
            operation = _operation("torch.Tensor.__deepcopy__")
        tensors: list[torch.Tensor] = []
        _collect(args, tensors)
        if kwargs:
            _collect(kwargs.values(), tensors)
        live = False
        inputs: list[int] = []
        if not operation.shape_only:
            for tensor in tensors:
                inputs.append(self._read(tensor, frame))
                live = live or tensor.requires_grad
        scope = OPEN if torch.is_grad_enabled() else self._scope(frame)
        call = Call(operation, tuple(inputs), live, scope, self._site(frame))
        if self._module_stack:
            call.module = self._module_stack[-1]
        if scope <= IN_FUNCTION:
            call.function_site = find_outer_site(frame, _APPLY)
        if self.exports or operation.factory or self.deep:
            call.host = host.numbers_in(args, kwargs, everything=self.deep or operation.factory)
        result = self.run(call, func, args, kwargs) if self.deep else func(*args, **kwargs)
        self._finish(call, result, tensors, args, kwargs)
        return result

    def _finish(
        self, call: Call, result: Any, tensors: list[torch.Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        operation = call.operation
        produced: list[torch.Tensor] = []
        if isinstance(result, torch.Tensor):
            produced.append(result)
        elif result is not None and not operation.export:
            _collect((result,), produced)
        if operation.in_place or "out" in kwargs or kwargs.get("inplace") is True:
            target = kwargs["out"] if "out" in kwargs else args[0] if args else None
            targets: list[torch.Tensor] = []
            _collect((target,), targets)
            produced = targets + [tensor for tensor in produced if all(tensor is not other for other in targets)]
            self._keep(call, produced, changed=len(targets))
        elif operation.export:
            call.host = host.numbers(result)
            call.branch_value = operation.branch
            self.exports.append(len(self.calls))
            self._keep_array(result)
            self.calls.append(call)
        elif produced:
            same = {id(tensor) for tensor in tensors}
            fresh = [tensor for tensor in produced if id(tensor) not in same]
            if fresh:  # x.float() of a float tensor gives x itself: no step
                if operation.factory and self._arrays:
                    source = self._array_source(fresh[0])
                    call.memory = -1 if source is None else source
                self._keep(call, fresh, changed=0)

    def _keep(self, call: Call, produced: list[torch.Tensor], *, changed: int) -> None:
        index = len(self.calls)
        outputs = []
        for position, tensor in enumerate(produced):
            token = self._new_token(tensor, index)
            outputs.append(token)
            if tensor.dim() == 0 and tensor.dtype in _FLOATS:
                self.scalars[token] = tensor.detach().clone()
            if tensor.requires_grad and tensor.grad_fn is not None:
                tensor.grad_fn.metadata[self.stamp] = index
            if position < changed and tensor.dtype in _FLOATS and (address := _storage_address(tensor)):
                self.mutated[address] = token
        call.outputs = tuple(outputs)
        self.calls.append(call)

    # ------------------------------------------------------------------ tensors

    def _new_token(self, tensor: torch.Tensor, producer: int) -> int:
        number = len(self.tokens)
        token = Token(tensor, producer)
        self.tokens.append(token)
        self._known[id(tensor)] = (weakref.ref(tensor), number)
        address = token.address = _address(tensor)
        if address:
            self._addresses[address] = number
        return number

    def token_of(self, tensor: torch.Tensor) -> int | None:
        """The newest token of a tensor, None where it was never seen."""
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _read(self, tensor: torch.Tensor, frame: FrameType) -> int:
        number = self.token_of(tensor)
        if number is None:
            number = self._meet(tensor, frame)
        elif tensor.requires_grad and not self.tokens[number].requires_grad:
            number = self._revive(tensor, number, frame)
        if self.mutated:
            change = self.mutated.get(_storage_address(tensor))
            if change is not None and change > number:  # changed through a view or a base of it
                number = self._join(tensor, "view", (number, change), frame)
        return number

    def _meet(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A tensor that no recorded call made: a parameter, an input, from_numpy, FloatTensor, nn.Parameter(x)."""
        if tensor.grad_fn is not None:
            parents = self._graph_parents(tensor)
            if parents:
                return self._join(tensor, _node_title(tensor), parents, frame)
        elif self.exports and not tensor.requires_grad and not isinstance(tensor, torch.nn.Parameter):
            return self._meet_after_export(tensor, frame)
        alias = self._alias(tensor)
        if alias is not None:
            title = "torch.nn.Parameter" if isinstance(tensor, torch.nn.Parameter) else "alias"
            return self._join(tensor, title, (alias,), frame)
        number = self._new_token(tensor, -1)
        self.tokens[number].leaf = tensor.grad_fn is None
        return number

    def _meet_after_export(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A tensor without history, met after values left torch: it may be made of them."""
        memory = self._array_source(tensor)
        alias = self._alias(tensor) if memory is None else None
        if alias is not None:
            return self._join(tensor, "alias", (alias,), frame)
        call = Call(_operation("torch.from_numpy"), (), False, OPEN, self._site(frame))
        call.host, call.memory = host.numbers(tensor), -1 if memory is None else memory
        self._keep(call, [tensor], changed=0)
        return call.outputs[0]

    def _alias(self, tensor: torch.Tensor) -> int | None:
        """A known token with the same memory, shape and type."""
        address = _address(tensor)
        number = self._addresses.get(address) if address else None
        if number is None:
            return None
        token = self.tokens[number]
        return number if token.shape == tensor.shape and token.dtype == tensor.dtype else None

    def _revive(self, tensor: torch.Tensor, number: int, frame: FrameType) -> int:
        """It had no gradient when it was made and has one now: a custom Function returned it."""
        producer = self.tokens[number].producer
        site = self.calls[producer].function_site if producer >= 0 else None
        if tensor.grad_fn is None:
            return self._join(tensor, "torch.Tensor.requires_grad", (number,), frame)
        return self._join(tensor, _node_title(tensor), (number,), frame, site=site)

    def _join(
        self, tensor: torch.Tensor, title: str, parents: tuple[int, ...], frame: FrameType, site: Site | None = None
    ) -> int:
        call = Call(_operation(title), parents, any(self.tokens[parent].requires_grad for parent in parents), OPEN, None)
        call.site = site or self._site(frame)
        self._keep(call, [tensor], changed=0)
        return self._known[id(tensor)][1]

    def _graph_parents(self, tensor: torch.Tensor, limit: int = 200) -> tuple[int, ...]:
        """Tokens that autograd's own graph names as ancestors of a tensor made out of sight."""
        parents: list[int] = []
        queue, seen = [tensor.grad_fn], set()
        while queue and len(seen) < limit:
            node = queue.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            index = node.metadata.get(self.stamp)
            if index is not None:
                parents.extend(self.calls[index].outputs)
            elif (variable := getattr(node, "variable", None)) is not None:
                known = self.token_of(variable)
                parents.append(self._new_token(variable, -1) if known is None else known)
            else:
                queue.extend(edge for edge, _ in node.next_functions)
        return tuple(parents)

    def number(self, value: float) -> int:
        """A loss term that is a plain Python number: a token that only values from outside torch lead to."""
        call = Call(_operation("number"), (), False, OPEN, None)
        call.host = host.numbers(value)
        tensor = torch.tensor(float(value))
        self._keep(call, [tensor], changed=0)
        return call.outputs[0]

    def see(self, tensor: torch.Tensor) -> int:
        """The token of a tensor as it is now, after the block."""
        return self._read(tensor, sys._getframe(1))

    def _keep_array(self, result: Any) -> None:
        pointer = getattr(result, "__array_interface__", None)
        if pointer is not None:
            self._arrays.append((weakref.ref(result), int(pointer["data"][0]), len(self.calls)))

    def _array_source(self, tensor: torch.Tensor) -> int | None:
        address = _storage_address(tensor)
        for array, start, call in reversed(self._arrays):
            if array() is not None and start == address:
                return call
        return None

    # ------------------------------------------------------------------ gradient off and on

    def _switch_gradient(self, func: Callable[..., Any], args: tuple[Any, ...], frame: FrameType) -> Any:
        before = torch.is_grad_enabled()
        result = func(*args)
        after = torch.is_grad_enabled()
        if before and not after:
            if frame.f_back is not None and frame.f_back.f_code.co_name == "__exit__" and self._closed:
                self._switch = self._closed.pop()  # an enable_grad() inside a no_grad() ends
            else:
                self._open_switch(frame, inference=False)
        elif after and not before:
            if self._switch != OPEN:
                self._closed.append(self._switch)
            self._switch = OPEN
        return result

    def _open_switch(self, frame: FrameType, *, inference: bool) -> None:
        decorated, sampling, stack = None, False, []
        walker: FrameType | None = frame
        while walker is not None and len(stack) < 12:
            code = walker.f_code
            stack.append((code, walker.f_lasti))
            if code.co_name == "decorate_context" and decorated is None:
                decorated = getattr(walker.f_locals.get("func"), "__code__", None)
            sampling = sampling or "torch/distributions" in code.co_filename.replace("\\", "/")
            walker = walker.f_back
        self.switches.append(Switch(find_site(frame), decorated, inference, sampling, tuple(stack)))
        self._switch = len(self.switches) - 1

    def _scope(self, frame: FrameType) -> int:
        """Why gradient is off here, found where no event told of it."""
        inside, walker = None, frame
        if self._switch != OPEN and not self.switches[self._switch].inference:
            return self._switch
        if torch.is_inference_mode_enabled():
            if self._switch == OPEN or not self.switches[self._switch].inference:
                self._open_switch(frame, inference=True)
                index, self._switch = self._switch, OPEN
                return index
            return self._switch
        while walker is not None and inside is None:
            if walker.f_code is _APPLY:
                inside = IN_FUNCTION
            elif walker.f_code.co_filename.endswith("checkpoint.py") and walker.f_code.co_name == "forward":
                inside = IN_CHECKPOINT
            walker = walker.f_back
        return IN_FUNCTION if inside is None else inside


def _collect(items: Any, found: list[torch.Tensor]) -> None:
    """All tensors in nested lists, tuples and dicts."""
    for item in items:
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, list | tuple):
            _collect(item, found)
        elif isinstance(item, dict):
            _collect(item.values(), found)


def _address(tensor: torch.Tensor) -> int:
    try:
        return tensor.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse, functorch's wrappers, fake tensors
        return 0


def _storage_address(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def _node_title(tensor: torch.Tensor) -> str:
    return "autograd." + type(tensor.grad_fn).__name__.removesuffix("Backward")


def _operation(title: str) -> Operation:
    name = title.rsplit(".", 1)[-1]
    made = name in ("Parameter", "requires_grad")
    return Operation(name, title, False, False, False, name == "from_numpy", False, False, made, False)
