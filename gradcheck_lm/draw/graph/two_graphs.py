"""A broken and a fixed step in one figure: the same layout, what changed highlighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradcheck_lm.draw.graph.folded import FoldedGraph, Group
from gradcheck_lm.draw.graph.folding import COLUMNS, PAGE, fold_graph
from gradcheck_lm.draw.graph.nodes import (
    PAINT,
    Line,
    attributes_text,
    caption,
    edge_attributes,
    head,
    html,
    legend,
    node_attributes,
    widths,
)
from gradcheck_lm.draw.view import View
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.draw.words import say
from gradcheck_lm.flow.findings.model import Diagnosis

Identity = tuple[object, ...]


def side_by_side(
    broken: Diagnosis | View,
    fixed: Diagnosis | View,
    *,
    titles: tuple[str, str] | None = None,
    limit: int = PAGE,
    columns: int = COLUMNS,
    language: str = "en",
) -> str:
    """Two diagnoses in one figure, as DOT text: the broken one above, the same nodes at the same places.

    Nodes are the same when they are the same module, term, or operation in the same place of the data flow. What
    carries gradient in the fixed one alone is drawn green there; what one of them lacks keeps its place in it, empty.

    Args:
        titles: of the two halves; "broken" and "fixed" unless given.
        limit: nodes in each half.
        columns: nodes in a row of each half.
        language: "en" or "ja"; a View has its own.
    """
    views = view_of(broken, language), view_of(fixed, language)
    spoken = views[0].language
    titles = titles or (say("broken half", spoken), say("fixed half", spoken))
    sides = [fold_graph(view.graph, limit=limit, columns=columns) for view in views]
    keys = [_identities(side) for side in sides]
    places = {identity: place for place, identity in enumerate(dict.fromkeys([*keys[0].values(), *keys[1].values()]))}
    edges = {(places[key[a]], places[key[b]]) for side, key in zip(sides, keys, strict=True) for a, b in side.edges}
    explained = dict.fromkeys(text for view, side in zip(views, sides, strict=True) for text in legend(view, side))
    lines = head("side_by_side", caption("", say("twice", spoken), explained))
    for which in (1, 0):  # layout engines stack the first cluster lowest
        mine, theirs = (_by_identity(sides[side], keys[side]) for side in (which, 1 - which))
        label = html([Line(titles[which], 12, bold=True), Line(views[which].verdict)])
        mark = "ab"[which]
        lines.append(f'  subgraph cluster_{mark} {{\n    label=<{label}>; color="#cccccc"; style=rounded;')
        for identity, place in places.items():
            lines.append(f"    {mark}{place} [{_node(views[which], identity, mine, theirs, fixed=which == 1)}];")
        lines += _edges(views[which], list(places), sorted(edges), mine, widths(sides[which]), mark)
        for role in ("wrt", "term"):
            column = [f"{mark}{place}" for identity, place in places.items() if identity[0] == role]
            lines += [f"    {{ rank=same; {'; '.join(column)}; }}"] if column else []
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def _node(
    view: View,
    identity: Identity,
    mine: Mapping[Identity, Group],
    theirs: Mapping[Identity, Group],
    *,
    fixed: bool,
) -> str:
    """A node on one side: invisible where only the other has it, green where the fixed side alone carries gradient."""
    if identity not in mine:
        return attributes_text(node_attributes(view, theirs[identity]) | {"style": "invis"})
    attributes = node_attributes(view, mine[identity])
    other = theirs.get(identity)
    if fixed and mine[identity].state == "live" and (other is None or other.state != "live"):
        fill, line, letters = PAINT["new"]
        attributes |= {"fillcolor": fill, "color": line, "fontcolor": letters, "penwidth": "2.5"}
    return attributes_text(attributes)


def _edges(
    view: View,
    order: Sequence[Identity],
    edges: Sequence[tuple[int, int]],
    mine: Mapping[Identity, Group],
    thickness: Mapping[int, float],
    mark: str,
) -> list[str]:
    lines = []
    for a, b in edges:
        tail, tip = mine.get(order[a]), mine.get(order[b])
        style = {"style": "invis"}
        if tail is not None and tip is not None:
            style = edge_attributes(view, tail, tip, thickness.get(tail.id))
        lines.append(f"    {mark}{a} -> {mark}{b} [{attributes_text(style)}];")
    return lines


def _by_identity(side: FoldedGraph, keys: Mapping[int, Identity]) -> dict[Identity, Group]:
    return {identity: side.groups[group] for group, identity in keys.items()}


def _identities(folded: FoldedGraph) -> dict[int, Identity]:
    """For each group what it is, whatever file and line it stands in: the n-th of its module and operations."""
    seen: dict[Identity, int] = {}
    result = {}
    for group in folded.groups:
        if group.role in ("wrt", "term"):
            base: Identity = (group.role, group.module if group.role == "wrt" else group.first.label)
        else:
            base = (group.role, group.module, *sorted({node.label for node in group.members}))
        seen[base] = seen.get(base, -1) + 1
        result[group.id] = (*base, seen[base])
    return result
