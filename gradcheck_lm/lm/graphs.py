"""A language model's layers on a GPU as one launch: CUDA graphs of the padded sizes that come again and again.

A model of a hundred million parameters is some 30 layers of small kernels, and the processor takes longer to issue them
than the GPU to run them: on an H200 22 ms and 7 for 80 lines of 32 tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MULTIPLE = 8  # lengths and lines are filled up to multiples of it, so that few sizes serve
LARGEST = 8192  # tokens with padding; above, a GPU has enough to do and nothing is filled up
AGAIN = 2  # a size is captured when it comes for the third time
KEPT = 48  # graphs

Body = Callable[..., Tensor]
Replay = Callable[[Tensor, Tensor], Tensor]


class Graphs:
    """The layers of a frozen language model, from ids or embeddings to the last hidden states.

    With `wanted`, passes on a GPU that ask for no gradient are filled up, and a size that keeps coming is replayed: the
    same kernels with the same bits. What is differentiated is `body` itself, as is everything on a processor, in large
    batches, and where somebody looks at single operations.

    Args:
        body: called with mask=(B, L) bool and ids=(B, L) or embeds=(B, L, W); gives (B, L, W).
        module: whose weights it uses.
    """

    wanted = False

    def __init__(self, body: Body, module: nn.Module) -> None:
        self.body, self.module = body, module
        self.captured: OrderedDict[tuple[Any, ...], Replay] = OrderedDict()
        self._seen: dict[tuple[Any, ...], int] = {}
        self._pool: Any = None

    def __call__(self, *, mask: Tensor, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
        if ids is None or not self._serves(mask):
            return self.body(ids=ids, mask=mask) if embeds is None else self.body(embeds=embeds, mask=mask)
        rows, length = mask.shape
        fill = (0, _filled(length) - length, 0, _filled(rows) - rows)
        ids, mask = F.pad(ids, fill), F.pad(mask, fill)
        mask[rows:, 0] = True  # a line without any token would be a softmax over nothing
        replay = self._replay(ids, mask)
        hidden = self.body(ids=ids, mask=mask) if replay is None else replay(ids, mask)
        return hidden[:rows, :length]

    def _serves(self, mask: Tensor) -> bool:
        return (
            self.wanted
            and _on_a_gpu(mask)
            and _filled(mask.shape[0]) * _filled(mask.shape[1]) <= LARGEST
            and not torch.is_grad_enabled()
            and not is_watched()
        )

    def _replay(self, ids: Tensor, mask: Tensor) -> Replay | None:
        weight = next(self.module.parameters())
        key = (tuple(ids.shape), weight.data_ptr(), weight.dtype)
        if key not in self.captured:
            self._seen[key] = self._seen.get(key, 0) + 1
            if self._seen[key] <= AGAIN:
                return None
            self.captured[key] = self._capture(ids, mask)
            if len(self.captured) > KEPT:
                self.captured.popitem(last=False)
        self.captured.move_to_end(key)
        return self.captured[key]

    def _capture(self, ids: Tensor, mask: Tensor) -> Replay:
        """All graphs share their memory: what one gives is copied before the next one runs."""
        body, static = self.body, (ids.clone(), mask.clone())
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        current, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(2):
                body(ids=static[0], mask=static[1])
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # another thread prepares the next lines, and may use the GPU meanwhile
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            hidden = body(ids=static[0], mask=static[1])

        def replay(ids: Tensor, mask: Tensor) -> Tensor:
            static[0].copy_(ids)
            static[1].copy_(mask)
            graph.replay()
            return hidden.clone()

        return replay


def _on_a_gpu(tensor: Tensor) -> bool:
    return tensor.is_cuda


def is_watched() -> bool:
    """Whether somebody looks at each operation: a graph would show none."""
    return bool(torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack())


def _filled(count: int) -> int:
    return -(-count // MULTIPLE) * MULTIPLE
