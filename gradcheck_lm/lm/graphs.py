"""A language model's layers on a GPU as one launch: CUDA graphs of the padded sizes that come again and again.

A model of a hundred million parameters is some 30 layers of small kernels, and the processor takes longer to issue them
than the GPU to run them: five to nine times as long for a batch of text lines.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MULTIPLE = 8  # lengths and lines are filled up to multiples of it, so that few sizes serve
LARGEST = 8192  # tokens with padding; above, a GPU has enough to do and nothing is filled up
AGAIN = 2  # a size is captured when it comes for the third time
KEPT = {"read": 48, "differentiated": 8}  # graphs; those of the second kind hold what a backward pass needs

Body = Callable[..., Tensor]


class Graphs:
    """The layers of a frozen language model, from ids or embeddings to the last hidden states.

    On a processor, for large batches, and wherever somebody looks at single operations, it is `body` itself. Otherwise
    ids are filled up, and a size that keeps coming is replayed: the same kernels with the same bits.

    Args:
        body: called with mask=(B, L) bool and ids=(B, L) or embeds=(B, L, W); gives (B, L, W).
        module: whose weights it uses.
    """

    def __init__(self, body: Body, module: nn.Module) -> None:
        self.body, self.module = body, module
        self._seen: dict[tuple[Any, ...], int] = {}
        self._graphs: dict[str, OrderedDict[tuple[Any, ...], Any]] = {kind: OrderedDict() for kind in KEPT}
        self._pool: Any = None
        self._refused = False
        self._busy: weakref.WeakValueDictionary[tuple[Any, ...], _Alive] = weakref.WeakValueDictionary()

    def __call__(self, *, mask: Tensor, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
        rows, length = mask.shape
        tall, wide = _filled(rows), _filled(length)
        if mask.device.type != "cuda" or tall * wide > LARGEST or self._refused or self._is_watched():
            return self.body(ids=ids, mask=mask) if embeds is None else self.body(embeds=embeds, mask=mask)
        given = ids if embeds is None else embeds
        assert given is not None
        fill = (0, 0) * (given.dim() - 2) + (0, wide - length, 0, tall - rows)
        mask = F.pad(mask, fill[-4:])
        mask[rows:, 0] = True  # a line without any token would be a softmax over nothing
        hidden = self._run(F.pad(given, fill), mask, "ids" if embeds is None else "embeds")
        return hidden[:rows, :length]

    def _run(self, given: Tensor, mask: Tensor, name: str) -> Tensor:
        differentiated = torch.is_grad_enabled() and given.requires_grad
        kind = "differentiated" if differentiated else "read"
        weight = next(self.module.parameters())
        key = (name, tuple(given.shape), given.dtype, weight.data_ptr(), weight.dtype)
        graph = self._graph(kind, key, given, mask, name)
        if graph is None or key in self._busy:
            return self.body(mask=mask, **{name: given})
        hidden: Tensor = graph(given, mask)
        if differentiated:
            # until its backward pass is over, or never to come, what it needs must not be written over
            node: Any = hidden.grad_fn
            node.metadata["alive"] = self._busy[key] = _Alive()
        return hidden.clone()  # the graph's memory is written again by the next call

    def _graph(self, kind: str, key: tuple[Any, ...], given: Tensor, mask: Tensor, name: str) -> Any:
        kept = self._graphs[kind]
        if key in kept:
            kept.move_to_end(key)
            return kept[key]
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= AGAIN:
            return None
        make = self._differentiated if kind == "differentiated" else self._read
        try:
            kept[key] = make(given, mask, name)
        except RuntimeError:  # a model that waits for the device somewhere, or one too many for its memory
            self._refused = True
            return None
        if len(kept) > KEPT[kind]:
            kept.popitem(last=False)
        return kept[key]

    def _read(self, given: Tensor, mask: Tensor, name: str) -> Any:
        """A pass without gradient; all of them share their memory, for one is read before the next begins."""
        body, static = self.body, (given.detach().clone(), mask.clone())
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        with torch.no_grad():
            current, aside = torch.cuda.current_stream(), torch.cuda.Stream()
            aside.wait_stream(current)
            with torch.cuda.stream(aside):
                for _ in range(2):
                    body(mask=static[1], **{name: static[0]})
            current.wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                hidden = body(mask=static[1], **{name: static[0]})

        def replay(given: Tensor, mask: Tensor) -> Tensor:
            static[0].copy_(given)
            static[1].copy_(mask)
            graph.replay()
            return hidden

        return replay

    def _differentiated(self, given: Tensor, mask: Tensor, name: str) -> Any:
        """A pass and its backward pass, with memory of their own: another one may run between the two."""

        def run(given: Tensor, mask: Tensor) -> Tensor:
            return self.body(mask=mask, **{name: given})

        sample = given.detach().clone().requires_grad_()
        return torch.cuda.make_graphed_callables(run, (sample, mask.clone()))  # type: ignore[no-untyped-call]

    def _is_watched(self) -> bool:
        """Whether each operation counts by itself: somebody records them, or the model's own weights learn."""
        modes = torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack()
        return bool(modes) or any(weight.requires_grad for weight in self.module.parameters())


class _Alive:
    """Lives as long as the node of the autograd graph that holds it."""


def _filled(count: int) -> int:
    return -(-count // MULTIPLE) * MULTIPLE
