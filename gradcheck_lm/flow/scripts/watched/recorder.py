"""The recorder of a script: it starts again at each step, steps aside when it is not needed, and leaves when told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]
from torch.overrides import _len_torch_function_stack, _pop_mode, _push_mode

from gradcheck_lm.flow.stepping.watcher import TOLD, Watcher
from gradcheck_lm.flow.watching.randomness.draws import Draw
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.tape import Recording

_BACKWARD = torch.Tensor.backward
_TOUCHING = {
    torch.Tensor.register_hook: "a hook on a tensor",
    torch.Tensor.register_post_accumulate_grad_hook: "a hook on a leaf",
    torch.Tensor.grad_fn.__get__: "code that reads grad_fn, and so may have put a hook on a node",  # type: ignore[attr-defined, union-attr]
}
_READING = frozenset([torch.Tensor.grad_fn.__get__])  # type: ignore[attr-defined, union-attr]


class ScriptRecorder(Recorder):
    """A recorder that is told of every backward() before it happens, and that can be put away while a script runs.

    Args:
        on_backward: called with the loss; None where autograd's engine is watched instead.
    """

    def __init__(self, on_backward: Callable[[torch.Tensor], None] | None = None) -> None:
        self.touched = ""  # what of the script's own was put into the graph where it leaves no trace
        self.before: Recording | None = None  # what was recorded before it last started again
        super().__init__()
        self.on_backward = on_backward
        self.watcher: Watcher | None = None  # told of gradients changed by hand and of numbers that are read
        self.paused = False
        self.ready = False  # it stands on the stack of modes, or is just handling a call

    def follow(self, watcher: Watcher) -> None:
        """Tell a watcher what it wants to know, and learn from it where modules were made."""
        self.watcher = watcher
        self.modules.made = self.recording.made = watcher.modules.made
        watcher.loaders.drawn.to(self, "drawn")

    def drawn(self, tensor: torch.Tensor, draw: Draw) -> None:
        """A loader gave a tensor."""
        token = self.token_of(tensor)
        self.recording.draws[self.see(tensor) if token is None else token] = draw

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        __tracebackhide__ = True
        # torch.jit.trace runs a function twice and compares the lines that its operations come from: one line, then
        if (self.paused or torch._C._get_tracing_state() is not None) and func is not torch.Tensor.backward:
            return func(*args, **(kwargs or {}))
        if func is torch.Tensor.backward:
            if self.on_backward is not None and not self.paused:
                self.on_backward(args[0])
            # where the script has put its own in the place of backward(), that has run already, and led here
            return _BACKWARD(*args, **(kwargs or {}))
        if self.watcher is not None and func in TOLD:
            self.watcher.told(func, args, sys._getframe(1), kwargs)
        # registering a parameter reads its grad_fn too, which is None
        if func in _TOUCHING and (func not in _READING or args[0].grad_fn is not None):
            self.touched = self.touched or _TOUCHING[func]
        if types and any(issubclass(kind, UninitializedTensorMixin) for kind in types):
            return func(*args, **(kwargs or {}))  # a lazy module's: it has no shape, no memory, and no value yet
        return super().__torch_function__(func, types, args, kwargs)

    # ------------------------------------------------------------------ in and out

    def __enter__(self) -> ScriptRecorder:
        super().__enter__()
        self.ready = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        _push_mode(self)  # a mode that the script left on may stand above: it is this one that goes
        super().__exit__(kind, error, trace)

    def leave(self) -> bool:
        """Take the recorder out of torch, wherever in the stack of modes it stands.

        Returns:
            False where it is just handling a call: torch would put it back. It only looks on then; ask again later.
        """
        self.paused = True
        if not self.ready:
            return True
        modes = [_pop_mode() for _ in range(_len_torch_function_stack())]
        found = any(mode is self for mode in modes)
        for mode in reversed(modes):
            if mode is not self:
                _push_mode(mode)
        if not found:
            return False
        self.ready = False
        self._compiler.close()
        self.modules.close()
        return True

    def come_back(self) -> None:
        """Watch again after `leave`, from below all modes of the script."""
        if self.ready:
            self.paused = False
            return
        self.forget()
        modes = [_pop_mode() for _ in range(_len_torch_function_stack())]
        Recorder.__enter__(self)
        self.ready, self.paused = True, False
        for mode in reversed(modes):
            _push_mode(mode)

    # ------------------------------------------------------------------ steps

    def leaves(self) -> list[torch.Tensor]:
        """The tensors used so far that ask for a gradient and were not computed, in order."""
        met = (tensor for reference, _ in list(self.book.known.values()) if (tensor := reference()) is not None)
        return [tensor for tensor in met if tensor.is_leaf and tensor.requires_grad]

    def forget(self) -> None:
        """Start a new step: what was recorded so far belongs to the graph of the last one."""
        self.before, self.touched = self.recording, ""
        self.start_again()

    def renew(self, tensors: Sequence[torch.Tensor]) -> None:
        """An optimizer has written new values: what reads these tensors from now on reads others than before."""
        for tensor in tensors:
            if self.token_of(tensor) is not None:
                self.book.renew(tensor)

    def tokens_now(self, tensors: Sequence[torch.Tensor]) -> dict[int, Any]:
        """Which values the tensors are at this moment, for `as_of`."""
        return {id(tensor): self.book.known[id(tensor)] for tensor in tensors if self.token_of(tensor) is not None}

    @contextmanager
    def as_of(self, tokens: Mapping[int, Any]) -> Iterator[None]:
        """The recording as it stood at an earlier moment, as far as these tensors go."""
        now = {key: self.book.known.get(key) for key in tokens}
        self.book.known.update(tokens)
        try:
            yield
        finally:
            for key, value in now.items():
                if value is not None:
                    self.book.known[key] = value
