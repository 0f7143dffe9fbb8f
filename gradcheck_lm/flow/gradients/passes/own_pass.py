"""A program's own backward pass, read while it runs: what arrives at each leaf, and what passes each node.

Nothing is run again, so that a custom backward, a hook or a checkpoint runs exactly as often as without us. The hooks
are autograd's own and are taken away as soon as the pass is over.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.autograd.graph import get_gradient_edge

from gradcheck_lm.flow.gradients.autograd import Gradients, lacks_derivative
from gradcheck_lm.flow.gradients.deaths import Death, NodeRecord, deaths_in
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.gradients.passes.underflow import Underflow
from gradcheck_lm.flow.gradients.passes.ways import Dominators, Ways
from gradcheck_lm.flow.watching.unseen import unseen

_MOST_NODES = 20_000  # of a larger graph only the leaves are read
_Edge = tuple[Any, int]
_PLAIN = (torch.Tensor, torch.nn.Parameter)


class OwnPass:
    """One backward pass of the program.

    Args:
        roots: the tensors that it starts from; those without a graph are passed over.
        leaves: the tensors asked about; others of the graph are read as well.
        hooked: the program has put hooks on tensors: what is sent to a node may not be what arrives there.
    """

    def __init__(self, roots: Sequence[torch.Tensor], leaves: Sequence[torch.Tensor], *, hooked: bool = False) -> None:
        starts = [get_gradient_edge(root).node for root in roots if root.requires_grad]
        self.roots = {
            id(root): start for root, start in zip((r for r in roots if r.requires_grad), starts, strict=True)
        }
        nodes: dict[Any, None] = {}
        for start in starts:
            nodes.update(dict.fromkeys(walk_nodes(start)))
        self.nodes = list(nodes)
        self.error: BaseException | None = None
        self.trouble: Exception | None = None  # of ours
        self.larger: dict[
            int, Underflow
        ] = {}  # by id the leaves with a gradient for a larger loss, where that was asked
        self.results: dict[int, torch.Tensor | None] | None = None  # what autograd.grad returned, by the input's id
        self._leaves: dict[int, Any] = {}  # a leaf's id -> its node, held: torch itself lets it go
        for node in self.nodes:
            if (variable := getattr(node, "variable", None)) is not None:
                self._leaves[id(variable)] = node
        for leaf in leaves:
            if leaf.is_leaf and leaf.requires_grad and id(leaf) not in self._leaves:
                self._leaves[id(leaf)] = get_gradient_edge(leaf).node
        self._arrived: dict[int, list[torch.Tensor]] = {}
        self._incoming: dict[Any, list[_Size]] = {}
        self._outgoing: dict[Any, list[_Size | None]] = {}  # None: read off the node that it goes to
        self._dominators: Dominators | None = None
        uses: Counter[_Edge] = Counter()
        for node in self.nodes:
            uses.update(edge for edge in node.next_functions if edge[0] is not None)
        # edges of which what goes in is read, and not only what comes out
        self._apart = {edge for edge, count in uses.items() if count > 1 or hooked or _has_hooks(edge[0])}

    # ------------------------------------------------------------------ while it runs

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Around the pass."""
        handles = []
        inner = len(self.nodes) <= _MOST_NODES
        try:
            for key, node in self._leaves.items():
                handles.append(node.register_prehook(self._at_leaf(key)))
            for node in self.nodes if inner else ():
                if getattr(node, "variable", None) is None:
                    handles.append(node.register_hook(self._at_node(node)))
            yield
        except RuntimeError as error:
            self.error = error
            raise
        finally:
            for handle in handles:
                handle.remove()

    def _at_leaf(self, key: int) -> Callable[[Any], None]:
        def hook(arriving: Any) -> None:
            if arriving and arriving[0] is not None:
                self._guarded(lambda: self._arrived.setdefault(key, []).append(_norm(arriving[0])))

        return hook

    def _at_node(self, node: Any) -> Callable[[Any, Any], None]:
        def hook(leaving: Any, arriving: Any) -> None:
            self._guarded(lambda: self._note(node, leaving, arriving))

        return hook

    def _note(self, node: Any, leaving: Any, arriving: Any) -> None:
        self._incoming[node] = [_Size(value) for value in arriving]
        edges = node.next_functions
        self._outgoing[node] = [
            _Size(value) if value is None or place >= len(edges) or edges[place] in self._apart else None
            for place, value in enumerate(leaving)
        ]

    def _guarded(self, read: Callable[[], Any]) -> None:
        """What looks on never raises into the program, and no mode of the program sees it compute."""
        try:
            with torch._C.DisableTorchFunction(), torch.no_grad(), unseen():
                read()
        except Exception as error:
            self.trouble = self.trouble or error

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
            norm = None if value is None else float(_norm(value.detach()))
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
        if start is None or self.error is not None or not self._incoming:
            return {}
        return deaths_in(walk_nodes(start), self._records(), tensors, call_of)

    def _records(self) -> dict[Any, NodeRecord]:
        records = {}
        for node, arrived in self._incoming.items():
            states = {size.state for size in arrived}
            worst = next((state for state in ("bad", "live", "zero") if state in states), "none")
            records[node] = NodeRecord(
                worst, [self.outgoing(node, place) for place in range(len(self._outgoing[node]))]
            )
        return records

    def outgoing(self, node: Any, place: int) -> str:
        """The state of what a node gave along one of its edges."""
        size = self._outgoing[node][place]
        if size is not None:
            return size.state
        following, output = node.next_functions[place]
        if (leaf := getattr(following, "variable", None)) is not None:
            norm = self._norm_at(leaf)
            return "none" if norm is None else "zero" if norm == 0.0 else "live" if norm - norm == 0.0 else "bad"
        arrived = self._incoming.get(following, ())
        return arrived[output].state if output < len(arrived) else "none"

    def _follows(self, node: Any, place: int) -> bool:
        """Whether something arrives along an edge, or nobody looked."""
        known = place < len(self._outgoing.get(node, ()))
        return not known or self.outgoing(node, place) in ("live", "bad")

    def _dominating(self) -> Dominators:
        if self._dominators is None:
            self._dominators = Dominators(list(self.roots.values()), self._follows)
        return self._dominators

    def unfinished(self) -> list[Any]:
        """After an error: nodes that got a gradient and gave none, those nearest to the loss first."""
        return [node for node in self.nodes if node not in self._incoming and getattr(node, "variable", None) is None]


def _has_hooks(node: Any) -> bool:
    """Whether a node is a leaf's, and the program has put hooks on that leaf."""
    return bool(getattr(getattr(node, "variable", None), "_backward_hooks", None))


class _Size:
    """Whether a gradient is none, all zero, live or not finite; computed at once, and read when it is asked for."""

    __slots__ = ("high", "known", "low")

    def __init__(self, value: torch.Tensor | None) -> None:
        self.known, self.low, self.high = "", None, None
        if value is None:
            self.known = "none"
            return
        value = value.detach()
        if value.is_sparse:
            value = value.coalesce().values()
        if value.numel() == 0:
            self.known = "zero"
        elif type(value) not in _PLAIN:
            self.known = "live"  # a subclass may not be computed with: its wearer looks on
        else:
            try:
                if value.is_complex():
                    self.high = value.abs().max()
                else:
                    self.low, self.high = torch.aminmax(value)
            except (RuntimeError, NotImplementedError):  # nested tensors, 8 bits
                self.known = "live"

    @property
    def state(self) -> str:
        """One of "none", "zero", "live" and "bad"."""
        if not self.known:
            ends = [float(end) for end in (self.low, self.high) if end is not None]
            bad = any(end - end != 0.0 for end in ends)
            self.known = "bad" if bad else "live" if any(ends) else "zero"
        return self.known


def _norm(value: torch.Tensor) -> torch.Tensor:
    """The Euclidean norm in double precision, not yet read: reading waits for the device."""
    value = value.coalesce().values() if value.is_sparse else value
    if value.is_complex():
        return torch.linalg.vector_norm(value.to(torch.complex128))
    return torch.linalg.vector_norm(value, dtype=torch.float64)
