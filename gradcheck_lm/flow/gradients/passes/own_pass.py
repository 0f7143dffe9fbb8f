"""A program's own backward pass, read while it runs: what arrives at each leaf, and what passes each node.

Nothing is run again, so that a custom backward, a hook or a checkpoint runs exactly as often as without us. The hooks
are autograd's own and are taken away as soon as the pass is over.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch.autograd.graph import get_gradient_edge

from gradcheck_lm.flow.gradients.autograd import Gradients, lacks_derivative
from gradcheck_lm.flow.gradients.deaths import Death, NodeRecord, deaths_in
from gradcheck_lm.flow.gradients.nodes import walk_edges, walk_nodes
from gradcheck_lm.flow.gradients.passes.carriers import handed_on
from gradcheck_lm.flow.gradients.passes.sizes import Size, norm_of, size_of, state_of
from gradcheck_lm.flow.gradients.passes.underflow import Underflow
from gradcheck_lm.flow.gradients.passes.ways import Dominators, Ways
from gradcheck_lm.flow.watching.unseen import unseen

_MOST_NODES = 20_000  # of a larger graph only the leaves are read
_Read = TypeVar("_Read")


class OwnPass:
    """One backward pass of the program.

    Args:
        roots: the tensors that it starts from; those without a graph are passed over.
        leaves: the tensors asked about; others of the graph are read as well.
        hooked: the program has put hooks on tensors: what is sent to a node may not be what arrives there.
        partial: it runs for some tensors alone: a node does not give along all of its edges.
    """

    def __init__(
        self,
        roots: Sequence[torch.Tensor],
        leaves: Sequence[torch.Tensor],
        *,
        hooked: bool = False,
        partial: bool = False,
    ) -> None:
        starts = {id(root): get_gradient_edge(root) for root in roots if root.requires_grad}
        self.roots = {key: edge.node for key, edge in starts.items()}
        self.nodes, ends, shared = walk_edges([(edge.node, edge.output_nr) for edge in starts.values()])
        self.error: BaseException | None = None
        self.trouble: Exception | None = None  # of ours
        self.larger: dict[
            int, Underflow
        ] = {}  # by id the leaves with a gradient for a larger loss, where that was asked
        self.results: dict[int, torch.Tensor | None] | None = None  # what autograd.grad returned, by the input's id
        self._leaves: dict[int, Any] = {}  # a leaf's id -> its node, held: torch itself lets it go
        for node in ends:
            if (variable := getattr(node, "variable", None)) is not None:
                self._leaves[id(variable)] = node
                if variable._backward_hooks:  # the program's
                    shared.add((node, 0))
        last = set(self._leaves.values())
        self._inner = [node for node in self.nodes if node not in last]
        for leaf in leaves:
            if leaf.is_leaf and leaf.requires_grad and id(leaf) not in self._leaves:
                self._leaves[id(leaf)] = get_gradient_edge(leaf).node
        self._arrived: dict[int, list[torch.Tensor | float]] = {}
        self._incoming: dict[Any, list[Size]] = {}  # in the order in which the nodes began
        self._outgoing: dict[Any, dict[int, Size]] = {}  # by place, of edges of which what goes in is read too
        self._carriers: dict[Any, int] = {}  # nodes at which nothing is read -> the edge along which what comes goes on
        self._copied: set[tuple[Any, int]] = set()  # edges, by node and place, along which what comes goes on
        self._dominators: Dominators | None = None
        self._hooked, self._partial, self._shared = hooked, partial, shared

    # ------------------------------------------------------------------ while it runs

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Around the pass."""
        handles = []
        try:
            for key, node in self._leaves.items():
                handles.append(node.register_prehook(functools.partial(self._at_leaf, key)))
            for node in self._inner if len(self.nodes) <= _MOST_NODES else ():
                apart = self._plan(node)
                if node in self._carriers:
                    continue
                handles.append(node.register_prehook(functools.partial(self._before, node)))
                if apart:
                    handles.append(node.register_hook(functools.partial(self._after, node, apart)))
            yield
        except RuntimeError as error:
            self.error = error
            raise
        finally:
            for handle in handles:
                handle.remove()

    def _plan(self, node: Any) -> list[int]:
        """Decide how a node is read; the places of the edges of which what goes in has to be read."""
        edges, shared = node.next_functions, self._shared
        if self._hooked:
            return [place for place, edge in enumerate(edges) if edge[0] is not None]
        places = () if self._partial else handed_on(node)
        if shared.isdisjoint(edges):  # as nearly always
            for place in places:
                if edges[place][0] is not None:
                    self._carriers[node] = place
            return []
        apart = [place for place, edge in enumerate(edges) if edge in shared]
        self._copied.update((node, place) for place in places if place in apart)
        apart = [place for place in apart if place not in places]
        through = [place for place in places if edges[place] not in shared and edges[place][0] is not None]
        if through and not apart:
            self._carriers[node] = through[0]
        return apart

    def _at_leaf(self, key: int, arriving: Any) -> None:
        if arriving and arriving[0] is not None:
            for norm in self._guarded(norm_of, arriving[:1]):
                self._arrived.setdefault(key, []).append(norm)

    def _before(self, node: Any, arriving: Any) -> None:
        self._incoming[node] = self._guarded(size_of, arriving)

    def _after(self, node: Any, apart: Sequence[int], leaving: Any, arriving: Any) -> None:
        given = [leaving[place] for place in apart]
        self._outgoing[node] = dict(zip(apart, self._guarded(size_of, given), strict=False))

    def _guarded(self, read: Callable[[torch.Tensor], _Read], values: Sequence[torch.Tensor]) -> list[_Read]:
        """What looks on never raises into the program, and no mode of the program sees it compute."""
        try:
            with torch._C.DisableTorchFunction():
                if not torch.is_grad_enabled() and not torch._C._len_torch_dispatch_stack():  # nearly always
                    return [read(value) for value in values]
                with torch.no_grad(), unseen():
                    return [read(value) for value in values]
        except Exception as error:
            self.trouble = self.trouble or error
            return []

    # ------------------------------------------------------------------ afterwards

    def gradients(self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
        """As `autograd.gradients`, for a root of this pass or an `edge` in its graph."""
        count = len(tensors)
        start = edge.node if edge is not None else self.roots.get(id(loss))
        if start is None or not loss.requires_grad:
            return Gradients([None] * count, [False] * count, [True] * count)
        if self.error is not None:
            note = str(self.error)
            refused = isinstance(self.error, RuntimeError) and lacks_derivative(self.error)
            return Gradients([None] * count, [False] * count, [True] * count, note, refused=refused)
        if self.results is not None:
            return self._returned(tensors)
        only = edge is None and len(self.roots) == 1
        ways = None if only else Ways(start, self._follows, self._dominating())
        found = Gradients([], [], [])
        for tensor in tensors:
            norm = self._norm_at(tensor)
            if norm is not None and ways is not None:
                norm = ways.share(self._leaves[id(tensor)], norm)
            found.norms.append(norm)
            found.zero.append(norm == 0.0)
            whole = self._norm_at(tensor)
            found.finite.append(whole is None or whole - whole == 0.0)
        return found

    def _returned(self, tensors: Sequence[torch.Tensor]) -> Gradients:
        assert self.results is not None
        found = Gradients([], [], [])
        for tensor in tensors:
            value = self.results.get(id(tensor))
            norm = None if value is None else float(norm_of(value.detach()))
            found.norms.append(norm)
            found.zero.append(norm == 0.0)
            found.finite.append(norm is None or norm - norm == 0.0)
        return found

    def fed(self) -> set[int]:
        """The ids of the leaves at which anything arrived."""
        return set(self._arrived)

    def brought_bad(self) -> bool:
        """Whether NaN or infinity arrived at a leaf."""
        return any(norm - norm != 0.0 for norms in self._arrived.values() for norm in map(float, norms))

    def _norm_at(self, tensor: torch.Tensor) -> float | None:
        """The norm of what arrived at a leaf in this pass alone; several arrivals are a checkpoint's, apart."""
        norms = [float(norm) for norm in self._arrived.get(id(tensor), ())]
        return None if not norms else norms[0] if len(norms) == 1 else sum(norm * norm for norm in norms) ** 0.5

    def deaths(
        self,
        loss: torch.Tensor,
        tensors: Sequence[torch.Tensor],
        call_of: Callable[[Any], int | None],
        edge: Any = None,
    ) -> dict[int, Death]:
        """As `deaths.deaths`."""
        start = edge.node if edge is not None else self.roots.get(id(loss))
        if start is None or self.error is not None or not (self._incoming or self._carriers):
            return {}
        return deaths_in(walk_nodes(start), self._records(), tensors, call_of)

    def _records(self) -> dict[Any, NodeRecord]:
        records = {}
        for node, arrived in self._incoming.items():
            states = {state_of(size) for size in arrived}
            worst = next((state for state in ("bad", "live", "zero") if state in states), "none")
            given = [self.outgoing(node, place) for place in range(len(node.next_functions))]
            records[node] = NodeRecord(worst, given)
        for node, through in self._carriers.items():
            given = [self.outgoing(node, place) for place in range(len(node.next_functions))]
            records[node] = NodeRecord(given[through], given)
        return records

    def outgoing(self, node: Any, place: int) -> str:
        """The state of what a node gave along one of its edges."""
        size = self._outgoing.get(node, {}).get(place)
        if size is not None:
            return state_of(size)
        if (node, place) not in self._copied:
            following, output = self._end(*node.next_functions[place])
        else:
            following, output = self._end(node, 0)
        if (leaf := getattr(following, "variable", None)) is not None:
            norm = self._norm_at(leaf)
            return "none" if norm is None else "zero" if norm == 0.0 else "live" if norm - norm == 0.0 else "bad"
        arrived = self._incoming.get(following, ())
        return state_of(arrived[output]) if output < len(arrived) else "none"

    def _end(self, node: Any, output: int) -> tuple[Any, int]:
        """Where it is read what comes to a node."""
        while (place := self._carriers.get(node)) is not None:
            node, output = node.next_functions[place]
        return node, output

    def _follows(self, node: Any, place: int) -> bool:
        """Whether something arrives along an edge, or nobody looked."""
        end = self._end(node, 0)[0]
        known = end in self._incoming or getattr(end, "variable", None) is not None
        return not known or self.outgoing(node, place) in ("live", "bad")

    def _dominating(self) -> Dominators:
        if self._dominators is None:
            self._dominators = Dominators(list(self.roots.values()), self._follows)
        return self._dominators

    def unfinished(self) -> list[Any]:
        """After an error: the node that began last, then those that did not begin, those nearest to the loss first."""
        last = list(self._incoming)[-1:]
        return last + [node for node in self._inner if node not in self._incoming and node not in self._carriers]
