"""A flow graph folded by module and by source line, until it fits on a page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from gradcheck_lm.draw.graph.chains import contract_chains
from gradcheck_lm.draw.graph.folded import FoldedGraph, Group
from gradcheck_lm.flow.findings.messages import Message, Told
from gradcheck_lm.flow.findings.model import FlowGraph, FlowNode

PAGE = 40  # nodes that a reader takes in on one page
COLUMNS = 12  # nodes in a row that a page has room for
_DRAFT = 12  # times as many nodes as wanted may be there before neighbours are joined
_SPLIT = 3  # times as many groups as without splitting are worth it
WRT_GROUPS = 10  # modules shown at the left edge
_FOLDED = Message(
    "{nodes} nodes folded into {groups} {by}", "{nodes} 個のノードを{by} {groups} 個にまとめました", id="folded"
)
_BY_MODULE_AND_LINE = Message("by module and source line", "モジュールとソース行ごとに", id="by_module_and_line")
_BY_DEPTH_AND_LINE = Message(
    "by modules {depth} deep and source line", "深さ {depth} までのモジュールとソース行ごとに", id="by_depth_and_line"
)
_BY_DEPTH = Message("by modules {depth} deep", "深さ {depth} までのモジュールごとに", id="by_depth")
_BY_FILE = Message("by file", "ファイルごとに", id="by_file")
_BY_STATE = Message("by what they carry", "何を運ぶかによって", id="by_state")


def fold_graph(graph: FlowGraph, *, limit: int = PAGE, columns: int = COLUMNS) -> FoldedGraph:
    """Fold until at most `limit` groups are left, and no way through them is longer than `columns`; no further.

    Operations of the same module and the same source line become one; then neighbours along the data flow are joined
    (see `contract_chains`); if that is not enough, modules are cut to fewer and fewer levels. Where that would lead in
    a circle (a module's own operations before and after its parts'), a group is split instead; only a loop with too
    many rounds is drawn as a circle, and only at the very last are lines left out. A cut stays a node of its own, one
    for each finding; what leads to different loss terms is never folded into one, except by the last resort.
    """
    levels = _levels(graph.nodes)
    for level in levels:
        if not level.lines:
            continue
        together = len({level.key(node) for node in graph.nodes})
        # where splitting would multiply the groups it is a loop, and a circle says that better than its rounds do
        folded = _folded(graph, level.key, level.name, most=max(limit, min(_DRAFT * limit, _SPLIT * together)))
        if folded is None:
            continue
        folded = contract_chains(folded, limit=limit, columns=columns)
        if len(folded.groups) <= limit:
            return folded  # it keeps its source lines, which are what one looks for
    for level in levels:
        folded = _folded(graph, level.key, level.name)
        if folded is not None and len(folded.groups) <= limit:
            break
    assert folded is not None
    return folded


def unfolded(graph: FlowGraph) -> FoldedGraph:
    """Each node by itself."""
    folded = _folded(graph, lambda node: node.id, None)
    assert folded is not None
    return folded


def _folded(
    graph: FlowGraph, key_of: Callable[[FlowNode], Hashable], name: Told | None, *, most: int | None = None
) -> FoldedGraph | None:
    """Nodes with the same key together; with `most`, without circles, and None where that takes more groups."""
    nodes = sorted(graph.nodes, key=lambda node: node.id)
    keys = {node.id: key_of(node) for node in nodes}
    if most is not None:
        without_circles = _split_circles(graph, keys, most)
        if without_circles is None:
            return None
        keys = without_circles
    together: dict[Hashable, list[FlowNode]] = {}
    for node in nodes:
        together.setdefault(keys[node.id], []).append(node)
    groups = tuple(
        Group(i, key, members[0].role, _state(members), tuple(members), _common_module(members))
        for i, (key, members) in enumerate(together.items())
    )
    group_of = {node.id: group.id for group in groups for node in group.members}
    edges = {(group_of[a], group_of[b]) for a, b in graph.edges if a in group_of and b in group_of}
    edges = {(a, b) for a, b in edges if a != b}
    note = ""
    if name is not None and len(groups) < len(nodes):
        note = _FOLDED.told(nodes=len(nodes), groups=len(groups), by=name)
    return FoldedGraph(groups, tuple(sorted(edges)), note)


def _split_circles(graph: FlowGraph, keys: Mapping[int, Hashable], most: int) -> dict[int, Hashable] | None:
    """Keys under which no way leads from a group back to itself; None where that takes more than `most` groups.

    Nodes join the last group of their key unless something between that group and the node lies outside it.
    """
    before: dict[int, list[int]] = {}
    for tail, head in graph.edges:
        if tail < head:
            before.setdefault(head, []).append(tail)
    group_of: dict[int, int] = {}
    ancestors: list[int] = []  # of each group, the groups that lead to it, as bits
    last: dict[Hashable, int] = {}
    for node in sorted(keys):
        inputs = {group_of[one] for one in before.get(node, ()) if one in group_of}
        above = 0
        for one in inputs:
            above |= ancestors[one] | 1 << one
        group = last.get(keys[node])
        if group is None or any(one != group and ancestors[one] >> group & 1 for one in inputs):
            group = last[keys[node]] = len(ancestors)
            ancestors.append(0)
            if len(ancestors) > most:
                return None
        group_of[node] = group
        new = above & ~(1 << group)
        if new & ~ancestors[group]:
            for other in range(len(ancestors)):
                if other == group or ancestors[other] >> group & 1:
                    ancestors[other] |= new
    return {node: (keys[node], group) for node, group in group_of.items()}


@dataclass(frozen=True)
class _Level:
    """One way to fold: nodes with the same key become one."""

    name: Told
    lines: bool
    key: Callable[[FlowNode], Hashable]


def _levels(nodes: Sequence[FlowNode]) -> list[_Level]:
    depth_of_wrt = _wrt_depth([node.label for node in nodes if node.role == "wrt"])
    deepest = max((node.module.count(".") + 1 for node in nodes if node.module), default=0)
    # in a loop only one round's operation is marked; the other rounds' belong to the same cut
    marked = {_operation(node): node.finding for node in nodes if node.finding is not None}

    def level(depth: int, lines: bool) -> Callable[[FlowNode], Hashable]:
        def key(node: FlowNode) -> Hashable:
            if node.role == "term":
                return ("term", node.id)
            if node.role == "wrt":
                return ("wrt", wrt_module(node.label, depth_of_wrt if depth else min(1, depth_of_wrt)))
            if (finding := _finding(node, marked)) is not None:
                return ("cut", finding)
            module = ".".join(node.module.split(".")[:depth])
            where = (node.file, node.line) if lines else (node.file if not module else "")
            return (node.role, node.state, module, where, node.terms)

        return key

    levels = [_Level(_BY_MODULE_AND_LINE.told(), True, level(deepest, True))]
    for depth in range(deepest - 1, 0, -1):
        levels.append(_Level(_BY_DEPTH_AND_LINE.told(depth=depth), True, level(depth, True)))
    for depth in range(min(deepest, 3), 0, -1):
        levels.append(_Level(_BY_DEPTH.told(depth=depth), False, level(depth, False)))
    levels.append(_Level(_BY_FILE.told(), False, level(0, False)))
    levels.append(_Level(_BY_STATE.told(), False, lambda node: _coarsest(node, marked)))
    return levels


def _coarsest(node: FlowNode, marked: Mapping[Hashable, int | None]) -> Hashable:
    if node.role == "term":
        return ("term", node.id)
    finding = _finding(node, marked)
    return ("cut", finding) if finding is not None else (node.role, node.state)


def _finding(node: FlowNode, marked: Mapping[Hashable, int | None]) -> int | None:
    if node.finding is not None or node.state == "live":
        return node.finding
    return marked.get(_operation(node))


def _operation(node: FlowNode) -> Hashable:
    return (node.role, node.op, node.module, node.file, node.line) if node.file else ("node", node.id)


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
