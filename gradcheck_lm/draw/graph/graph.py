"""The flow graph of a diagnosis in the DOT language: tensors asked about on the left, loss terms on the right."""

from __future__ import annotations

from pathlib import Path

from gradcheck_lm.draw.graph.folded import FoldedGraph
from gradcheck_lm.draw.graph.folding import COLUMNS, PAGE, fold_graph, unfolded
from gradcheck_lm.draw.graph.nodes import (
    attributes_text,
    edge_attributes,
    head,
    legend,
    node_attributes,
    titles,
    widths,
)
from gradcheck_lm.draw.graph.nodes import caption as text_above
from gradcheck_lm.draw.graph.two_graphs import side_by_side as side_by_side
from gradcheck_lm.draw.layout.layout import language_drawn, render_folding
from gradcheck_lm.draw.view import View
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.flow.findings.messages import in_language
from gradcheck_lm.flow.findings.model import Diagnosis


def flow_dot(
    diagnosis: Diagnosis | View,
    *,
    fold: bool = True,
    title: str = "",
    limit: int = PAGE,
    columns: int = COLUMNS,
    prefix: str = "",
    caption: bool = True,
    language: str = "en",
) -> str:
    """The data flow of a diagnosis as DOT text.

    The text is the same for the same diagnosis, node by node: fit for golden files and diffs.

    Args:
        diagnosis: with its `graph`.
        fold: put operations of one module and one source line into one node, until at most `limit` are left;
            False draws every operation.
        title: above the verdict.
        limit: > 0, nodes on the page when folding.
        columns: > 0, nodes in a row when folding; neighbours are joined until none is longer, as far as that goes.
        prefix: in front of the ids that the nodes have in SVG, so that several pictures fit into one page.
        caption: write title, verdict and legend above the picture.
        language: "en" or "ja", of labels, legend and tooltips; a View has its own.
    """
    view = view_of(diagnosis, language)
    folded = fold_graph(view.graph, limit=limit, columns=columns) if fold else unfolded(view.graph)
    small = [*legend(view, folded), *([in_language(folded.note, view.language)] if folded.note else [])]
    above = text_above(title, view.verdict, small) if caption else ""
    return "\n".join([*head("flow", above), *_body(view, folded, prefix), *_ranks(folded), "}", ""])


def save_graph(
    diagnosis: Diagnosis | View,
    path: str | Path,
    *,
    fold: bool = True,
    title: str = "",
    timeout: float = 30.0,
    language: str = "en",
) -> Path:
    """Draw a diagnosis into .svg, .png, .pdf or .dot; what is too large for the time given is folded further.

    Args:
        diagnosis: with its `graph`.
        path: its ending decides.
        fold: as for `flow_dot`.
        title: above the verdict.
        timeout: seconds.
        language: "en" or "ja"; a picture that needs letters which no font here has (a .png without Japanese fonts) is
            drawn in English.
    Raises: as `gradcheck_lm.draw.layout.layout.render`.
    """
    view = view_of(diagnosis, language_drawn(language, path))
    size = len(view.graph.nodes)
    limits = [PAGE, PAGE // 2, 12] if fold else [max(size, 1), 400, PAGE]

    def draw(limit: int) -> str:
        return flow_dot(view, fold=fold or limit < size, title=title, limit=limit)

    return render_folding(draw, path, limits=limits, timeout=timeout)


def _body(view: View, folded: FoldedGraph, prefix: str) -> list[str]:
    thickness, names = widths(folded), titles(folded, view.language)
    looks = {group.id: node_attributes(view, group, prefix, names) for group in folded.groups}
    nodes = [f"  n{number} [{attributes_text(look)}];" for number, look in looks.items()]
    edges = []
    for a, b in folded.edges:
        look = edge_attributes(view, folded.groups[a], folded.groups[b], thickness.get(a))
        edges.append(f"  n{a} -> n{b} [{attributes_text(look)}];")
    return nodes + edges


def _ranks(folded: FoldedGraph) -> list[str]:
    left = [f"n{group.id}" for group in folded.groups if group.role == "wrt"]
    right = [f"n{group.id}" for group in folded.groups if group.role == "term"]
    ends = [("source", left), ("sink", right)]
    return [f"  {{ rank={rank}; {'; '.join(names)}; }}" for rank, names in ends if names]
