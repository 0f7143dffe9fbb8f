"""A language model's layers on a GPU as one launch: CUDA graphs of the padded sizes that come again and again.

A model of a hundred million parameters is some 30 layers of small kernels, and the processor takes longer to issue them
than the GPU to run them: on an H200 22 ms and 7 for 80 lines of 32 tokens, and with the backward pass 85 and 10 for 16.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

MULTIPLE = 8  # lengths and lines are filled up to multiples of it, so that few sizes serve
LARGEST = 8192  # tokens with padding; above, a GPU has enough to do and nothing is filled up
AGAIN = 2  # a size is captured when it comes for the third time
KEPT = 48  # graphs

Body = Callable[..., Tensor]
Replay = Callable[..., Tensor]


@dataclass(frozen=True)
class Captured:
    """Of one size: its forward pass, and for embeddings that are differentiated its forward and backward pass in one.

    Attributes:
        forward: from (ids or embeddings, mask) to the hidden states (B, L, W).
        backward: from (embeddings, mask, gradient of the hidden states) to the gradient of the embeddings.
    """

    forward: Replay
    backward: Replay | None = None


class Graphs:
    """The layers of a frozen language model, from ids or embeddings to the last hidden states.

    With `wanted`, passes on a GPU are filled up, and a size that keeps coming is replayed: the same kernels with the
    same bits. With `differentiable` too, embeddings are differentiated by a second graph that runs the forward pass
    once more, so that a gradient can be asked for as often as one likes; a second derivative cannot. What is on a
    processor goes through `body` itself, and so do large batches, and everything while somebody looks at single
    operations.

    Args:
        body: called with mask=(B, L) bool and ids=(B, L) or embeds=(B, L, W); gives (B, L, W).
        module: whose weights it uses.
    """

    wanted = False
    differentiable = False  # until tests/gpu/test_lm_graphs.py has passed on a GPU with it

    def __init__(self, body: Body, module: nn.Module) -> None:
        self.body, self.module = body, module
        self.captured: OrderedDict[tuple[Any, ...], Captured] = OrderedDict()
        self._seen: dict[tuple[Any, ...], int] = {}
        self._pool: Any = None

    def __call__(self, *, mask: Tensor, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
        given = {"ids": ids} if embeds is None else {"embeds": embeds}
        differentiated = embeds is not None and torch.is_grad_enabled() and embeds.requires_grad
        if not self._serves(mask) or (differentiated and not self.differentiable):
            return self.body(**given, mask=mask)
        (name, source), (rows, length) = next(iter(given.items())), mask.shape
        assert source is not None
        wide, high = _filled(length) - length, _filled(rows) - rows
        source = F.pad(source, (0, 0) * (source.dim() - 2) + (0, wide, 0, high))
        mask = F.pad(mask, (0, wide, 0, high))
        mask[rows:, 0] = True  # a line without any token would be a softmax over nothing
        captured = self._find(name, source, mask, differentiated)
        if captured is None:
            hidden = self.body(**{name: source}, mask=mask)
        elif captured.backward is None:
            hidden = captured.forward(source, mask)
        else:
            hidden = cast(Tensor, _Replayed.apply(source, mask, captured))  # type: ignore[no-untyped-call]
        return hidden[:rows, :length]

    def _serves(self, mask: Tensor) -> bool:
        return (
            self.wanted
            and _on_a_gpu(mask)
            and _filled(mask.shape[0]) * _filled(mask.shape[1]) <= LARGEST
            and not any(parameter.requires_grad for parameter in self.module.parameters())
            and not is_watched()
        )

    def _find(self, name: str, source: Tensor, mask: Tensor, differentiated: bool) -> Captured | None:
        weight, kind = next(self.module.parameters()), source.device.type
        # what torch is set to is written into a graph
        rounding = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        size = (name, tuple(source.shape), source.dtype, differentiated)
        key = (*size, weight.data_ptr(), weight.dtype, rounding, torch.are_deterministic_algorithms_enabled())
        if key not in self.captured:
            self._seen[key] = self._seen.get(key, 0) + 1
            if self._seen[key] <= AGAIN:
                return None
            self.captured[key] = self._capture(name, source.detach(), mask, differentiated)
            if len(self.captured) > KEPT:
                self.captured.popitem(last=False)
        self.captured.move_to_end(key)
        return self.captured[key]

    def _capture(self, name: str, source: Tensor, mask: Tensor, differentiated: bool) -> Captured:
        def forward(source: Tensor, mask: Tensor) -> Tensor:
            with torch.no_grad():
                return self.body(**{name: source}, mask=mask)

        def backward(source: Tensor, mask: Tensor, gradient: Tensor) -> Tensor:
            with torch.enable_grad():
                leaf = source.detach().requires_grad_()
                return torch.autograd.grad(self.body(**{name: leaf}, mask=mask), leaf, gradient)[0]

        if not differentiated:
            return Captured(self._write_down(forward, source, mask))
        return Captured(
            self._write_down(forward, source, mask),
            self._write_down(backward, source, mask, torch.zeros_like(forward(source, mask))),
        )

    def _write_down(self, work: Replay, *inputs: Tensor) -> Replay:
        """All graphs share their memory: what one gives is copied before the next one runs."""
        static = [tensor.clone() for tensor in inputs]
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        current, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(2):
                work(*static)
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # another thread prepares the next lines, and may use the GPU meanwhile
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            found = work(*static)

        def replay(*inputs: Tensor) -> Tensor:
            for memory, tensor in zip(static, inputs, strict=True):
                memory.copy_(tensor)
            graph.replay()
            return found.clone()

        return replay


class _Replayed(torch.autograd.Function):
    """A captured pass. Gradient: exact, by a captured pass of its own, as often as it is asked for."""

    @staticmethod
    def forward(ctx: Any, embeds: Tensor, mask: Tensor, captured: Captured) -> Tensor:
        ctx.save_for_backward(embeds, mask)
        ctx.captured = captured
        return captured.forward(embeds, mask)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        return ctx.captured.backward(*ctx.saved_tensors, outputs[0]), None, None


def _on_a_gpu(tensor: Tensor) -> bool:
    return tensor.is_cuda


def is_watched() -> bool:
    """Whether somebody looks at each operation: a graph would show none."""
    return bool(torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack())


def _filled(count: int) -> int:
    return -(-count // MULTIPLE) * MULTIPLE
