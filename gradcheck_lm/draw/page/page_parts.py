"""The parts of report.html, made ready for its template: plain texts and numbers, and SVG that is safe to inline."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck_lm.draw.graph.folded import Group
from gradcheck_lm.draw.graph.folding import fold_graph
from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.draw.graph.nodes import operation_name, starves
from gradcheck_lm.draw.japanese import heading_ja, sentence_ja
from gradcheck_lm.draw.layout.layout import picture
from gradcheck_lm.draw.numbers import number
from gradcheck_lm.draw.page.report import AlignedSpan, Experiment, LMTableRow, Report
from gradcheck_lm.draw.page.svg import inline_svg
from gradcheck_lm.draw.plots.charts import chart_svg
from gradcheck_lm.draw.plots.curves import PALETTE, Panel
from gradcheck_lm.draw.source_lines import source_line
from gradcheck_lm.draw.view import CutView, View
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.draw.words import by_module, few
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.findings.explain import help_uri, lesson_uri
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis
from gradcheck_lm.flow.findings.paths import at, short_path

_NUMBERS = re.compile(r"-|[-+]?\d[\d.,]*(e[-+]?\d+)?%?( (\.\.|>|->|±) [-+]?\d[\d.,]*(e[-+]?\d+)?%?)?")
_CONTEXT = 2  # source lines above and below
_MEMBERS = 12  # operations listed for one folded node

_STATES = {
    "live": ("carries gradient", "勾配を通す"),
    "cut": ("the gradient stops here", "勾配はここで止まる"),
    "beyond": ("behind a cut: could never carry a gradient", "切断の先: 勾配は通らない"),
}
_ASIDE = (
    "a side path stops here, harmless: another one carries the gradient",
    "ここで止まる枝(無害: 別の経路が勾配を通す)",
)
_ROLES = {
    "wrt": ("tensor asked about", "対象のテンソル"),
    "op": ("operation", "演算"),
    "host": ("value outside torch", "torch の外の値"),
    "source": ("new tensor made from plain values", "値から作られた新しいテンソル"),
    "term": ("loss term", "損失項"),
}


def arms(report: Report, timeout: float) -> list[dict[str, Any]]:
    """One entry for each arm: its verdict, cuts, terms, flow graph and what a click on each node shows."""
    deadline = time.monotonic() + timeout
    names = list(dict.fromkeys([*report.diagnoses, *report.graphs, *report.autograd_graphs]))
    result = []
    for index, name in enumerate(names):
        entry: dict[str, Any] = {
            "key": f"arm{index}", "name": name, "diagnosis": None, "svg": "", "svg_ja": "", "trouble": "",
            "note": ("", ""),
            "autograd_svg": "", "cut": False, "asides": False,
        }  # fmt: skip
        if name in report.autograd_graphs:
            entry["autograd_svg"] = inline_svg(
                report.autograd_graphs[name], prefix=f"{entry['key']}-a-", natural_size=True
            )
        if name in report.graphs:
            entry["svg"] = inline_svg(report.graphs[name], prefix=f"{entry['key']}-")
        if (diagnosis := report.diagnoses.get(name)) is not None:
            entry |= _diagnosed(diagnosis, entry, max(1.0, deadline - time.monotonic()))
        result.append(entry)
    return result


def _diagnosed(diagnosis: Diagnosis, entry: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    view, japanese = view_of(diagnosis), view_of(diagnosis, "ja")
    folded = fold_graph(view.graph)
    svg, svg_ja, trouble = entry["svg"], "", ""
    if not svg and view.graph.nodes:
        deadline = time.monotonic() + timeout
        try:
            svg = _drawn(view, entry["key"], timeout)
            svg_ja = _drawn(japanese, f"{entry['key']}-ja", max(0.5, deadline - time.monotonic()))
        except GradcheckLMError as error:
            trouble = "" if svg else str(error)  # one that is drawn serves for both
    parts = [cut_part(one, other) for one, other in zip(view.cuts, japanese.cuts, strict=True)]
    return {
        "diagnosis": view,
        "verdict": (view.verdict, japanese.verdict),
        "sections": [
            (one.heading, other.heading, [parts[cut.number - 1] for cut in one.cuts])
            for one, other in zip(view.sections, japanese.sections, strict=True)
        ],
        "terms": list(zip(view.terms, japanese.terms, strict=True)),
        "unreached": by_module(view.unreached),
        "zero": by_module(view.zero),
        "svg": svg,
        "svg_ja": svg_ja,
        "trouble": trouble,
        "note": (folded.note, sentence_ja(folded.note)),
        "notes": list(zip(view.notes, japanese.notes, strict=True)),
        "cut": any(starves(view, group) for group in folded.groups),
        "asides": any(group.state == "cut" and not starves(view, group) for group in folded.groups),
        "details": [_detail(view, parts, group) for group in folded.groups],
    }


def _drawn(view: View, key: str, timeout: float) -> str:
    drawn = picture(flow_dot(view, caption=False), "svg", timeout=timeout, same_everywhere=True)
    return inline_svg(drawn.decode("utf-8"), prefix=f"{key}-")


def starving(arm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cuts of an arm that take the gradient from something, in the order of the page."""
    return [part for _, _, parts in arm.get("sections", ()) for part in parts if part["cut"].starves]


def cut_part(cut: CutView, japanese: CutView) -> dict[str, Any]:
    """A cut in both languages, with the lines around it."""
    kind = KINDS.get(cut.kind)
    return {
        "cut": cut,
        "ja": japanese,
        "loses": few(cut.loses, 8),
        "excerpt": excerpt(cut),
        "uri": help_uri(kind) if kind is not None else None,
        "lesson_uri": lesson_uri(cut.lesson),
        "lesson_uri_ja": lesson_uri(cut.lesson, "ja"),
    }


def excerpt(cut: CutView) -> list[dict[str, Any]]:
    """The line and its neighbours from the file, where it still says what ran; else the line alone."""
    marked = {"before": cut.source.before, "marked": cut.source.marked, "after": cut.source.after}
    own: dict[str, Any] = {"number": cut.line, "hit": True, **marked}
    if source_line(cut.file, cut.line).replace("\t", " ").strip() != cut.source.whole:
        return [own] if cut.source.whole else []
    lines = []
    for number_ in range(max(1, cut.line - _CONTEXT), cut.line + _CONTEXT + 1):
        text = source_line(cut.file, number_)
        if number_ == cut.line:
            indent = text[: len(text) - len(text.lstrip())]
            lines.append(own | {"before": indent + marked["before"]})
        elif text or number_ < cut.line:
            lines.append({"number": number_, "hit": False, "before": text, "marked": "", "after": ""})
    while lines and not lines[0]["hit"] and not lines[0]["before"].strip():
        lines.pop(0)
    return lines


def _detail(view: View, parts: Sequence[dict[str, Any]], group: Group) -> dict[str, Any]:
    """What a click on a node shows."""
    node = group.first
    mark = view.cut_at(group.finding)
    places = [at(file, line) if line else short_path(file) for file, line in group.places]
    shapes = list(dict.fromkeys(str(tuple(member.shape)) for member in group.members if member.shape is not None))
    several = len(group.members) > 1
    aside = group.state == "cut" and not starves(view, group)
    norm = group.gradient_norm
    if group.role == "term" and (term := view.term(node.label)) is not None:
        norm = term.gradient_norm
    return {
        "node": f"n{group.id}",
        "title": group.module if several and group.module and group.state != "cut" else operation_name(node.label),
        "role": _ROLES.get(group.role, (group.role, group.role)),
        "state": _ASIDE if aside else _STATES.get(group.state, (group.state, group.state)),
        "cut": group.state == "cut" and not aside,
        "terms": json.dumps(list(group.terms)),
        "term_names": ", ".join(group.terms),
        "places": places[:4] + ([f"... {len(places) - 4} more"] if len(places) > 4 else []),
        "module": group.module,
        "shapes": ", ".join(shapes[:3]) + (" ..." if len(shapes) > 3 else ""),
        "dtype": node.dtype,
        "norm": number(norm),
        "members": [_member(member) for member in group.members[:_MEMBERS]] if several else [],
        "more": max(0, len(group.members) - _MEMBERS),
        "cuts": [parts[mark.number - 1]] if mark is not None else [],
    }


def _member(node: Any) -> str:
    shape = f" {tuple(node.shape)}" if node.shape is not None else ""
    norm = f", gradient norm {number(node.gradient_norm)}" if node.gradient_norm is not None else ""
    return f"{operation_name(node.label)}{shape}{norm}"


def charts(panels: Sequence[Panel], names: Sequence[str]) -> list[dict[str, Any]]:
    """Panels as SVG; series that every chart shares have the same colour everywhere, and charts of one quantity the
    same axes, so that arms can be compared by eye."""
    result = []
    for panel in panels:
        alike = [other for other in panels if _measure(other) == _measure(panel)]
        if svg := chart_svg(panel, names, alike=alike):
            legend = [(name, names.index(name) % len(PALETTE)) for name in panel.series]
            title_ja = heading_ja(panel.title)
            result.append({"title": panel.title, "title_ja": title_ja, "svg": svg, "legend": legend})
    return result


def _measure(panel: Panel) -> tuple[str, str, bool, bool]:
    """What a panel shows: "gradient norm of lm" is a gradient norm."""
    return panel.x_label, panel.y_label.partition(" of ")[0], panel.log_x, panel.log_y


def experiment(table: Experiment) -> dict[str, Any]:
    """A table with its numbers formatted and set to the right."""
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    by_column = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    numeric = [any(map(_is_number, cells)) and all(c is None or _is_number(c) for c in cells) for cells in by_column]
    return {"table": table, "columns": list(table.columns), "rows": rows, "numeric": numeric}


def lm_table(rows: Sequence[LMTableRow]) -> dict[str, Any]:
    """The story's table with its counts."""
    sides = ("label", "prediction", "equal")
    return {
        "rows": [(row, number(row.prediction_loss), number(row.label_loss)) for row in rows],
        "counts": {side: sum(row.winner == side for row in rows) for side in sides},
    }


def mistake(spans: Sequence[AlignedSpan]) -> list[tuple[str, str, str]]:
    """Spans as (kind, label, reading); a blank that is wrong is made visible."""
    return [
        (span.kind, span.label, span.reading)
        if span.kind == "equal"
        else (span.kind, span.label.replace(" ", "\u2423"), span.reading.replace(" ", "\u2423"))
        for span in spans
    ]


def flat(values: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of (dotted name, value)."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{path}{name}.")
        else:
            text = short_path(value) if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
            rows.append((f"{path}{name}", text))
    return rows


def _is_number(value: Any) -> bool:
    """Numbers, and texts that are nothing but measured numbers: "12.5", "-", "-0.3 .. +0.7", "1.52 > 1.55"."""
    if isinstance(value, str):
        return _NUMBERS.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)
