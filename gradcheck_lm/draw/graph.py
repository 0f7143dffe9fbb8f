"""The flow graph of a diagnosis in the DOT language: tensors asked about on the left, loss terms on the right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.draw.folding import PAGE, FoldedGraph, Group, fold_graph, unfolded
from gradcheck_lm.draw.layout import render_folding
from gradcheck_lm.draw.lettering import html_label, shorten
from gradcheck_lm.draw.words import number, verdict
from gradcheck_lm.flow.findings import Diagnosis

LEGEND = "solid: carries gradient; red octagon: cut here; dashed: behind a cut, could never carry one; note: left torch"

# fill, line and letters on white paper; the page's style sheet repaints them by class for dark screens
_PAINT = {
    "wrt": ("#dcebf7", "#0072b2", "#11324a"),
    "op": ("#ffffff", "#4d4d4d", "#1a1a1a"),
    "source": ("#fff8e1", "#8a6d00", "#3d3000"),
    "host": ("#fff3d6", "#8a6d00", "#3d3000"),
    "term": ("#dff2e6", "#00794f", "#0b3a28"),
    "cut": ("#fde3dc", "#b3261e", "#5c1009"),
    "beyond": ("#f6f6f6", "#9a9a9a", "#6b6b6b"),
    "starved": ("#fdeeea", "#b3261e", "#5c1009"),
    "new": ("#e3f5e9", "#00794f", "#0b3a28"),
}
_SHAPES = {"host": "note", "source": "component", "term": "box", "op": "box", "wrt": "box"}


@dataclass(frozen=True)
class _Line:
    """One line of a label; size in points."""

    text: str
    size: int = 9
    bold: bool = False
    mono: bool = False


def flow_dot(
    diagnosis: Diagnosis,
    *,
    fold: bool = True,
    title: str = "",
    limit: int = PAGE,
    prefix: str = "",
    caption: bool = True,
) -> str:
    """The data flow of a diagnosis as DOT text.

    The text is the same for the same diagnosis, node by node: fit for golden files and diffs.

    Args:
        diagnosis: with its `graph`.
        fold: put operations of one module and one source line into one node, until at most `limit` are left;
            False draws every operation.
        title: above the verdict.
        limit: > 0, nodes on the page when folding.
        prefix: in front of the ids that the nodes have in SVG, so that several pictures fit into one page.
        caption: write title, verdict and legend above the picture.
    """
    folded = fold_graph(diagnosis.graph, limit=limit) if fold else unfolded(diagnosis.graph)
    above = _caption(title, verdict(diagnosis), [LEGEND, *([folded.note] if folded.note else [])]) if caption else ""
    return "\n".join([*_head("flow", above), *_body(diagnosis, folded, prefix), *_ranks(folded), "}", ""])


def side_by_side(
    broken: Diagnosis, fixed: Diagnosis, *, titles: tuple[str, str] = ("broken", "fixed"), limit: int = PAGE
) -> str:
    """Two diagnoses in one figure, the same nodes at the same places, and what changed highlighted.

    Nodes are the same when they are the same module, term, or operation in the same place of the data flow. What only
    the fixed one has is drawn green; what only the broken one has keeps its place in the other as an empty space.
    """
    sides = [fold_graph(broken.graph, limit=limit), fold_graph(fixed.graph, limit=limit)]
    keys = [_identities(side) for side in sides]
    order = list(dict.fromkeys([*keys[0].values(), *keys[1].values()]))
    edges = sorted(
        {(order.index(key[a]), order.index(key[b])) for side, key in zip(sides, keys, strict=True) for a, b in side.edges}
    )
    caption = _caption("", "The same step twice: what changed is highlighted", [LEGEND])
    lines = _head("side_by_side", caption)
    for which, (diagnosis, side, key) in enumerate(zip((broken, fixed), sides, keys, strict=True)):
        here = {identity: side.groups[group] for group, identity in key.items()}
        there = set(keys[1 - which].values())
        other = {identity: sides[1 - which].groups[group] for group, identity in keys[1 - which].items()}
        mark = "ab"[which]
        label = _html([_Line(titles[which], 12, bold=True), _Line(verdict(diagnosis))])
        lines.append(f'  subgraph cluster_{mark} {{\n    label=<{label}>; color="#cccccc"; style=rounded;')
        for place, identity in enumerate(order):
            name = f"{mark}{place}"
            if identity not in here:
                blank = _attributes(_node_attributes(diagnosis, other[identity], "", _lines(diagnosis, other[identity])))
                lines.append(f"    {name} [{blank}, style=invis];")
                continue
            group = here[identity]
            attributes = _node_attributes(diagnosis, group, "", _lines(diagnosis, group))
            if identity not in there and group.state == "live":
                fill, line, letters = _PAINT["new"]
                attributes |= {"fillcolor": fill, "color": line, "fontcolor": letters, "penwidth": "2.5"}
            lines.append(f"    {name} [{_attributes(attributes)}];")
        for a, b in edges:
            known = order[a] in here and order[b] in here
            style = _edge_attributes(here[order[a]], here[order[b]], None) if known else {"style": "invis"}
            lines.append(f"    {mark}{a} -> {mark}{b} [{_attributes(style)}];")
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def save_graph(
    diagnosis: Diagnosis, path: str | Path, *, fold: bool = True, title: str = "", timeout: float = 30.0
) -> Path:
    """Draw a diagnosis into .svg, .png, .pdf or .dot; what is too large for the time given is folded further.

    Raises: as `gradcheck_lm.draw.layout.render`.
    """
    size = len(diagnosis.graph.nodes)
    limits = [PAGE, PAGE // 2, 12] if fold else [max(size, 1), 400, PAGE]

    def draw(limit: int) -> str:
        return flow_dot(diagnosis, fold=fold or limit < size, title=title, limit=limit)

    return render_folding(draw, path, limits=limits, timeout=timeout)


def _head(name: str, caption: str) -> list[str]:
    label = f", label=<{caption}>" if caption else ""
    return [
        f"digraph {name} {{",
        f'  graph [rankdir=LR, fontname="Helvetica", fontsize=11, labelloc=t, nodesep=0.22, ranksep=0.4{label}];',
        '  node [fontname="Helvetica", fontsize=11, margin="0.1,0.05", height=0.3];',
        '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];',
    ]


def _caption(title: str, sentence: str, small: Iterable[str]) -> str:
    lines = [_Line(title, 14, bold=True)] if title else []
    lines += [_Line(part, 11) for part in _wrapped(sentence, 110)]
    return _html([*lines, *(_Line(part) for text in small for part in _wrapped(text, 130))])


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]


def _body(diagnosis: Diagnosis, folded: FoldedGraph, prefix: str) -> list[str]:
    widths = _widths(folded)
    nodes = [
        f"  n{group.id} [{_attributes(_node_attributes(diagnosis, group, prefix, _lines(diagnosis, group)))}];"
        for group in folded.groups
    ]
    edges = [
        f"  n{a} -> n{b} [{_attributes(_edge_attributes(folded.groups[a], folded.groups[b], widths.get(a)))}];"
        for a, b in folded.edges
    ]
    return nodes + edges


def _ranks(folded: FoldedGraph) -> list[str]:
    left = [f"n{group.id}" for group in folded.groups if group.role == "wrt"]
    right = [f"n{group.id}" for group in folded.groups if group.role == "term"]
    ends = [("source", left), ("sink", right)]
    return [f"  {{ rank={rank}; {'; '.join(names)}; }}" for rank, names in ends if names]


def _node_attributes(diagnosis: Diagnosis, group: Group, prefix: str, lines: Sequence[_Line]) -> dict[str, str]:
    paint = _paint(diagnosis, group)
    fill, line, letters = _PAINT[paint]
    cut = group.state == "cut"
    style = "filled,dashed" if group.state == "beyond" else "filled,rounded" if group.role in ("op", "wrt") else "filled"
    return {
        "id": f"{prefix}n{group.id}",
        "class": f"{group.role} {group.state} p-{paint}",
        "shape": "octagon" if cut else _SHAPES.get(group.role, "box"),
        "style": "filled" if cut else style,
        "fillcolor": fill,
        "color": line,
        "fontcolor": letters,
        "penwidth": "2.2" if paint in ("cut", "starved") else "1.2",
        **({"peripheries": "2"} if group.role == "term" else {}),
        "label": f"<{_html(lines)}>",
        "tooltip": _tooltip(group),
    }


def _tooltip(group: Group) -> str:
    node = group.first
    shape = f"shape {tuple(node.shape)}" if node.shape is not None else ""
    count = f"{len(group.members)} of them" if len(group.members) > 1 else ""
    return "; ".join(part for part in (node.op or node.label, count, shape) if part)


def _paint(diagnosis: Diagnosis, group: Group) -> str:
    if group.state == "cut":
        return "cut"
    if group.role == "wrt":
        lost = set(diagnosis.unreached) | set(diagnosis.zero)
        return "starved" if any(node.label in lost for node in group.members) else "wrt"
    if group.role == "term":
        term = diagnosis.terms.get(group.first.label)
        return "starved" if (term.dead if term else group.state == "beyond") else "term"
    return "beyond" if group.state == "beyond" and group.role == "op" else group.role


def _lines(diagnosis: Diagnosis, group: Group) -> list[_Line]:
    if group.role == "wrt":
        return _wrt_lines(diagnosis, group)
    if group.role == "term":
        return _term_lines(diagnosis, group)
    head = [_Line(shorten(group.module, 28), 9)] if group.module and group.state != "cut" else []
    if group.finding is not None and group.finding < len(diagnosis.findings):
        finding = diagnosis.findings[group.finding]
        head.append(_Line(f"{finding.code} {finding.kind}"))
    counts = _counts(operation_name(node.label) for node in group.members)
    head += [_Line(text, 11, bold=True) for text in _wrapped(_operations(counts), 26)]
    where = [f"{Path(file).name}:{line}" if line else Path(file).name for file, line in group.places[:1]]
    if len(group.places) > 1:
        where[0] += f" and {len(group.places) - 1} more lines" if len(group.places) > 2 else " and 1 more line"
    return head + [_Line(shorten(text, 36), 9, mono=True) for text in where]


def _wrt_lines(diagnosis: Diagnosis, group: Group) -> list[_Line]:
    names = [node.label for node in group.members]
    title = names[0] if len(names) == 1 else group.module or "parameters"
    lines = [_Line(shorten(title, 28), 11, bold=True)]
    if len(names) > 1:
        lines.append(_Line(f"{len(names)} tensors"))
    lost = [name for name in names if name in diagnosis.unreached]
    zero = [name for name in names if name in diagnosis.zero]
    for what, which in (("no gradient", lost), ("gradient 0", zero)):
        if which:
            lines.append(_Line(what if len(which) == len(names) else f"{what} in {len(which)} of them"))
    if not lost and not zero and group.gradient_norm is not None:
        lines.append(_Line(f"gradient norm {_short(group.gradient_norm)}"))
    return lines


def _term_lines(diagnosis: Diagnosis, group: Group) -> list[_Line]:
    name = group.first.label
    lines = [_Line(shorten(name, 28), 12, bold=True)]
    term = diagnosis.terms.get(name)
    if term is None:
        return lines
    lines.append(_Line(f"value {number(term.value)}, requires_grad {term.requires_grad}"))
    return [*lines, _Line("dead: reaches nothing" if term.dead else f"gradient norm {_short(term.gradient_norm)}")]


def operation_name(label: str) -> str:
    """An operation as a reader would call it: Python's double underscores go."""
    return label[2:-2] if label.startswith("__") and label.endswith("__") and len(label) > 4 else label


def _operations(counts: list[tuple[str, int]]) -> str:
    named = [shorten(name, 24) + (f" x{count}" if count > 1 else "") for name, count in counts]
    rest = sum(count for _, count in counts[3:])
    return ", ".join(named[:3]) + (f" and {rest} more" if rest else "")


def _counts(labels: Iterable[str]) -> list[tuple[str, int]]:
    counted: dict[str, int] = {}
    for label in labels:
        counted[label] = counted.get(label, 0) + 1
    return list(counted.items())


def _edge_attributes(tail: Group, head: Group, width: float | None) -> dict[str, str]:
    if tail.state in ("cut", "beyond"):
        return {"class": "beyond", "color": "#9a9a9a", "style": "dashed"}
    if head.state == "cut":
        return {"class": "to-cut", "color": "#b3261e", "penwidth": "2.2"}
    if head.state == "beyond":
        return {"class": "beyond", "color": "#9a9a9a", "style": "dashed"}
    return {"class": "live", "color": "#4d4d4d", "penwidth": f"{width or 1.2:.1f}"}


def _widths(folded: FoldedGraph) -> dict[int, float]:
    """Line widths 1 to 4 on a logarithmic scale of the gradient norms that are known, by the node they leave."""
    logs = {
        group.id: math.log10(group.gradient_norm)
        for group in folded.groups
        if group.gradient_norm is not None and 0 < group.gradient_norm < math.inf
    }
    if not logs:
        return {}
    low, high = min(logs.values()), max(logs.values())
    return {name: 1 + 3 * (value - low) / (high - low) if high > low else 2.0 for name, value in logs.items()}


def _identities(folded: FoldedGraph) -> dict[int, tuple[object, ...]]:
    """For each group what it is, whatever file and line it stands in: the n-th of its module and operations."""
    seen: dict[tuple[object, ...], int] = {}
    result = {}
    for group in folded.groups:
        if group.role in ("wrt", "term"):
            base: tuple[object, ...] = (group.role, group.module if group.role == "wrt" else group.first.label)
        else:
            base = (group.role, group.state == "cut", group.module, *sorted({node.label for node in group.members}))
        seen[base] = seen.get(base, -1) + 1
        result[group.id] = (*base, seen[base])
    return result


def _html(lines: Sequence[_Line]) -> str:
    parts = []
    for line in lines:
        text = html_label(line.text)
        text = f"<b>{text}</b>" if line.bold and text else text
        face = ' face="Courier"' if line.mono else ""
        parts.append(f'<font point-size="{line.size}"{face}>{text}</font>' if text else " ")
    return "<br/>".join(parts)


def _attributes(attributes: dict[str, str]) -> str:
    return ", ".join(f"{name}={_value(name, value)}" for name, value in attributes.items())


def _value(name: str, value: str) -> str:
    if name == "label" and value.startswith("<"):
        return value
    clean = "".join(character if character >= " " else " " for character in value)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _short(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"
