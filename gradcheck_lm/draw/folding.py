"""A flow graph folded by module and by source line, until it fits on a page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from gradcheck_lm.flow.findings import FlowGraph, FlowNode

PAGE = 40  # nodes that a reader takes in on one page
WRT_GROUPS = 10  # modules shown at the left edge


@dataclass(frozen=True)
class Group:
    """Some nodes of a flow graph drawn as one; `id` counts from 0 in order of execution."""

    id: int
    key: Hashable
    role: str
    state: str
    members: tuple[FlowNode, ...]
    module: str = ""

    @property
    def first(self) -> FlowNode:
        """The member that was executed first."""
        return self.members[0]

    @property
    def terms(self) -> tuple[str, ...]:
        """Loss terms that some member leads to, in order."""
        return tuple(dict.fromkeys(term for node in self.members for term in node.terms))

    @property
    def finding(self) -> int | None:
        """Index of the finding it marks."""
        return next((node.finding for node in self.members if node.finding is not None), None)

    @property
    def gradient_norm(self) -> float | None:
        """Euclidean norm over parameters; of operations the last one's; None where unknown."""
        norms = [node.gradient_norm for node in self.members if node.gradient_norm is not None]
        if not norms:
            return None
        return math.sqrt(math.fsum(norm * norm for norm in norms)) if self.role == "wrt" else norms[-1]

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """The source lines of its members, most frequent first."""
        counted = Counter((node.file, node.line) for node in self.members if node.file)
        return tuple(sorted(counted, key=lambda where: (-counted[where], where)))


@dataclass(frozen=True)
class FoldedGraph:
    """What is drawn: groups, the edges between them, and how they were folded ("" where nothing was)."""

    groups: tuple[Group, ...]
    edges: tuple[tuple[int, int], ...]
    note: str = ""
    members: dict[int, int] = field(default_factory=dict, repr=False)  # node id -> group id


def fold_graph(graph: FlowGraph, *, limit: int = PAGE) -> FoldedGraph:
    """Fold until at most `limit` groups are left, as little as possible.

    Operations of the same module and the same source line become one; if that is not enough, modules are cut to
    fewer and fewer levels, then lines are left out. A cut stays a node of its own, one for each finding; what leads to
    different loss terms is never folded into one, except by the last resort.
    """
    levels = _levels(graph.nodes)
    folded = _folded(graph, levels[0][1], levels[0][0])
    for name, key in levels[1:]:
        if len(folded.groups) <= limit:
            break
        folded = _folded(graph, key, name)
    return folded


def unfolded(graph: FlowGraph) -> FoldedGraph:
    """Each node by itself."""
    return _folded(graph, lambda node: node.id, "")


def _folded(graph: FlowGraph, key_of: Callable[[FlowNode], Hashable], name: str) -> FoldedGraph:
    together: dict[Hashable, list[FlowNode]] = {}
    for node in sorted(graph.nodes, key=lambda node: node.id):
        together.setdefault(key_of(node), []).append(node)
    groups = tuple(
        Group(i, key, nodes[0].role, _state(nodes), tuple(nodes), _common_module(nodes))
        for i, (key, nodes) in enumerate(together.items())
    )
    group_of = {node.id: group.id for group in groups for node in group.members}
    edges = {(group_of[a], group_of[b]) for a, b in graph.edges if a in group_of and b in group_of}
    edges = {(a, b) for a, b in edges if a != b}
    note = f"{len(graph.nodes)} nodes folded into {len(groups)} {name}" if name and len(groups) < len(graph.nodes) else ""
    return FoldedGraph(groups, tuple(sorted(edges)), note, group_of)


def _levels(nodes: Sequence[FlowNode]) -> list[tuple[str, Callable[[FlowNode], Hashable]]]:
    depth_of_wrt = _wrt_depth([node.label for node in nodes if node.role == "wrt"])
    deepest = max((node.module.count(".") + 1 for node in nodes if node.module), default=0)

    def level(depth: int, lines: bool, terms: bool = True) -> Callable[[FlowNode], Hashable]:
        def key(node: FlowNode) -> Hashable:
            if node.role == "term":
                return ("term", node.id)
            if node.role == "wrt":
                return ("wrt", wrt_module(node.label, depth_of_wrt if depth else min(1, depth_of_wrt)))
            if node.finding is not None:
                return ("cut", node.finding)
            module = ".".join(node.module.split(".")[:depth])
            where = (node.file, node.line) if lines else (node.file if not module else "")
            return (node.role, node.state, module, where, node.terms if terms else ())

        return key

    levels = [("by module and source line", level(deepest, True))]
    levels += [(f"by modules {depth} deep and source line", level(depth, True)) for depth in range(deepest - 1, 0, -1)]
    levels += [(f"by modules {depth} deep", level(depth, False)) for depth in range(min(deepest, 3), 0, -1)]
    levels += [("by file", level(0, False)), ("by what they carry", lambda node: _coarsest(node))]
    return levels


def _coarsest(node: FlowNode) -> Hashable:
    if node.role == "term":
        return ("term", node.id)
    return ("cut", node.finding) if node.finding is not None else (node.role, node.state)


def _wrt_depth(names: Sequence[str]) -> int:
    # the deepest prefix of module names that still gives few enough groups
    deepest = max((name.count(".") for name in names), default=0)
    for depth in range(deepest, 1, -1):
        if len({wrt_module(name, depth) for name in names}) <= WRT_GROUPS:
            return depth
    return min(1, deepest)


def wrt_module(name: str, depth: int) -> str:
    """The module of a parameter, `depth` levels of it; the name itself where it has no module."""
    module = name.rpartition(".")[0]
    return ".".join(module.split(".")[:depth]) or name


def _state(nodes: Sequence[FlowNode]) -> str:
    states = {node.state for node in nodes}
    return "cut" if "cut" in states else "live" if "live" in states else "beyond"


def _common_module(nodes: Sequence[FlowNode]) -> str:
    paths = [(wrt_module(n.label, 99) if n.role == "wrt" else n.module).split(".") for n in nodes]
    common = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common)
