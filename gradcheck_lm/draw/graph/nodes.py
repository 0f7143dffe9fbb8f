"""How nodes, edges and captions of a flow graph look, as attributes in the DOT language."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

from gradcheck_lm.draw.graph.folded import FoldedGraph, Group
from gradcheck_lm.draw.japanese import heading_ja
from gradcheck_lm.draw.lettering import html_label, printable, shorten, told_apart
from gradcheck_lm.draw.view import View
from gradcheck_lm.draw.words import say
from gradcheck_lm.draw.wrapping import wrap
from gradcheck_lm.flow.findings.paths import brief

# fill, line and letters on white paper; the page's style sheet repaints them by class for dark screens
PAINT = {
    "wrt": ("#dcebf7", "#0072b2", "#11324a"),
    "op": ("#ffffff", "#4d4d4d", "#1a1a1a"),
    "source": ("#fff8e1", "#8a6d00", "#3d3000"),
    "host": ("#fff3d6", "#8a6d00", "#3d3000"),
    "term": ("#dff2e6", "#00794f", "#0b3a28"),
    "cut": ("#fde3dc", "#b3261e", "#5c1009"),
    "aside": ("#fff6e0", "#b07800", "#4a3500"),
    "beyond": ("#f6f6f6", "#9a9a9a", "#6b6b6b"),
    "starved": ("#fdeeea", "#b3261e", "#5c1009"),
    "new": ("#e3f5e9", "#00794f", "#0b3a28"),
}
_LONGEST = 28  # characters of a name in a node
_SHAPES = {"host": "note", "source": "component"}
_USUAL = {"shape": "box", "style": "filled,rounded", "penwidth": "1.2"}  # said once for all nodes


@dataclass(frozen=True)
class Line:
    """One line of a label; size in points."""

    text: str
    size: int = 9
    bold: bool = False
    mono: bool = False


def head(name: str, above: str) -> list[str]:
    """The opening lines of a graph; `above` is the caption, as an HTML-like label."""
    label = f", label=<{above}>" if above else ""
    return [
        f"digraph {name} {{",
        f'  graph [rankdir=LR, fontname="Helvetica", fontsize=11, labelloc=t, nodesep=0.22, ranksep=0.4{label}];',
        '  node [fontname="Helvetica", fontsize=11, margin="0.1,0.05", height=0.3, shape=box, style="filled,rounded", '
        "penwidth=1.2];",
        '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];',
    ]


def caption(title: str, sentence: str, small: Iterable[str]) -> str:
    """Title, sentence and small print as one HTML-like label."""
    lines = [Line(title, 14, bold=True)] if title else []
    lines += [Line(part, 11) for part in _wrapped(sentence, 110)]
    return html([*lines, *(Line(part) for text in small for part in _wrapped(text, 130))])


def legend(view: View, folded: FoldedGraph) -> list[str]:
    """What the shapes in a picture mean."""
    aside = any(group.state == "cut" and not starves(view, group) for group in folded.groups)
    return [say(word, view.language) for word in ("shapes", *(["shape of an aside"] if aside else []))]


def _wrapped(text: str, width: int) -> list[str]:
    # Japanese has no spaces to end a line at, and its letters are two columns wide
    if text.isascii():
        return textwrap.wrap(text, width) or [""]
    lines = len(wrap(text, width))
    return wrap(text, width if lines == 1 else min(width, cell_len(text) // lines + 12))  # no last line of two letters


def titles(folded: FoldedGraph, language: str = "en") -> dict[str, str]:
    """The names in a picture, short and unlike one another."""
    return told_apart(
        (_title(group, language) for group in folded.groups if group.role == "wrt"), _LONGEST
    ) | told_apart((group.module for group in folded.groups if group.role != "wrt" and group.module), _LONGEST)


def node_attributes(
    view: View, group: Group, prefix: str = "", names: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Attributes of a node, in a fixed order; `prefix` stands in front of its id in SVG, `names` are the picture's."""
    paint = _paint(view, group)
    fill, line, letters = PAINT[paint]
    cut = group.state == "cut"
    rounded = "filled,rounded" if group.role in ("op", "wrt") else "filled"
    attributes = {
        "id": f"{prefix}n{group.id}",
        "class": f"{group.role} {group.state} p-{paint}",
        "shape": "octagon" if cut else _SHAPES.get(group.role, "box"),
        "style": "filled" if cut else "filled,dashed" if group.state == "beyond" else rounded,
        "fillcolor": fill,
        "color": line,
        "fontcolor": letters,
        "penwidth": "2.2" if paint in ("cut", "starved") else "1.2",
        **({"peripheries": "2"} if group.role == "term" else {}),
        "label": f"<{html(_lines(view, group, names or {}))}>",
        "tooltip": _tooltip(group, view.language),
    }
    return {name: value for name, value in attributes.items() if _USUAL.get(name) != value}


def _tooltip(group: Group, language: str) -> str:
    node = group.first
    shape = say("shape", language, shape=tuple(node.shape)) if node.shape is not None else ""
    count = say("members", language, count=len(group.members)) if len(group.members) > 1 else ""
    return "; ".join(part for part in (_named(node.op or node.label, language), count, shape) if part)


def _paint(view: View, group: Group) -> str:
    if group.state == "cut" and group.role != "wrt":
        return "cut" if starves(view, group) else "aside"
    if group.role == "wrt":
        lost = set(view.unreached) | set(view.zero)
        return "starved" if any(node.label in lost for node in group.members) else "wrt"
    if group.role == "term":
        term = view.term(group.first.label)
        return "starved" if (term.dead if term else group.state == "beyond") else "term"
    return "beyond" if group.state == "beyond" and group.role == "op" else group.role


def starves(view: View, group: Group) -> bool:
    """Whether a cut takes the gradient from something; a note stands where another path carries it."""
    if group.state != "cut":
        return False
    if (cut := view.cut_at(group.finding)) is not None:
        return cut.starves
    # a cut that no finding speaks of: what it leads to decides
    return not view.ok and (not view.terms or bool(set(view.dead).intersection(group.terms)))


def _lines(view: View, group: Group, names: Mapping[str, str]) -> list[Line]:
    if group.role == "wrt":
        return _wrt_lines(view, group, names)
    if group.role == "term":
        return _term_lines(view, group)
    head = []
    if group.module and group.state != "cut":
        head.append(Line(names.get(group.module) or shorten(group.module, _LONGEST), 9))
    if (cut := view.cut_at(group.finding)) is not None:
        head.append(Line(f"{cut.code} {cut.kind}"))
    counted = Counter(_named(operation_name(node.label), view.language) for node in group.members)
    done = textwrap.wrap(_operations(counted, view.language), 26) or [""]
    head += [Line(text.replace("\u00a0", " "), 11, bold=True) for text in done]
    where = [brief(file, line) if line else Path(file).name for file, line in group.places[:1]]
    if len(group.places) > 1:
        where[0] = say("lines", view.language, place=where[0], count=len(group.places) - 1)
    return head + [Line(shorten(text, 36), 9, mono=text.isascii()) for text in where]


def _named(name: str, language: str) -> str:
    return heading_ja(name) if language == "ja" else name


def _title(group: Group, language: str) -> str:
    return group.members[0].label if len(group.members) == 1 else group.module or say("parameters", language)


def _wrt_lines(view: View, group: Group, short: Mapping[str, str]) -> list[Line]:
    names, title = [node.label for node in group.members], _title(group, view.language)
    lines = [Line(short.get(title) or shorten(title, _LONGEST), 11, bold=True)]
    if len(names) > 1:
        lines.append(Line(say("tensors", view.language, count=len(names))))
    lost = [name for name in names if name in view.unreached]
    zero = [name for name in names if name in view.zero]
    for word, which in (("nothing", lost), ("nought", zero)):
        if which:
            what, part = say(word, view.language), len(which) < len(names)
            lines.append(Line(say("in them", view.language, what=what, count=len(which)) if part else what))
    if not lost and not zero and group.gradient_norm is not None:
        lines.append(Line(say("norm", view.language, norm=_short(group.gradient_norm))))
    return lines


def _term_lines(view: View, group: Group) -> list[Line]:
    name = group.first.label
    lines = [Line(shorten(name, 28), 12, bold=True)]
    term = view.term(name)
    if term is None:
        return lines
    lines.append(Line(say("value and flag", view.language, value=term.value_said, flag=term.requires_grad)))
    norm = say("norm", view.language, norm=_short(term.gradient_norm))
    return [*lines, Line(say("reaches nothing", view.language) if term.dead else norm)]


def operation_name(label: str) -> str:
    """An operation as a reader would call it: Python's double underscores go."""
    return label[2:-2] if label.startswith("__") and label.endswith("__") and len(label) > 4 else label


def _operations(counted: Counter[str], language: str) -> str:
    # in the order of execution; the count must not be torn from its name
    named = [shorten(name, 24) + (f"\u00a0x{count}" if count > 1 else "") for name, count in counted.items()]
    rest = sum(list(counted.values())[3:])
    return ", ".join(named[:3]) + (say("rest", language, count=rest) if rest else "")


def edge_attributes(view: View, tail: Group, head: Group, width: float | None) -> dict[str, str]:
    """Attributes of an edge; `width` in points where the gradient norm is known."""
    if tail.state in ("cut", "beyond"):
        return {"class": "beyond", "color": "#9a9a9a", "style": "dashed"}
    if head.state == "cut" and not starves(view, head):
        return {"class": "to-aside", "color": "#b07800", "penwidth": "1.2"}
    if head.state == "cut":
        return {"class": "to-cut", "color": "#b3261e", "penwidth": "2.2"}
    if head.state == "beyond":
        return {"class": "beyond", "color": "#9a9a9a", "style": "dashed"}
    return {"class": "live", "color": "#4d4d4d", "penwidth": f"{width or 1.2:.1f}"}


def widths(folded: FoldedGraph) -> dict[int, float]:
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


def html(lines: Sequence[Line]) -> str:
    """Lines as the inside of an HTML-like label."""
    parts = []
    for before, line in zip([None, *lines[:-1]], lines, strict=True):
        if before is not None and before.size > line.size and not before.text.isascii():
            parts.append('<font point-size="3"> </font>')  # a line is as high as its letters, Japanese ones are taller
        text = html_label(line.text)
        text = f"<b>{text}</b>" if line.bold and text else text
        face = ' face="Courier"' if line.mono else ""
        parts.append(f'<font point-size="{line.size}"{face}>{text}</font>' if text else " ")
    return "<br/>".join(parts)


def attributes_text(attributes: dict[str, str]) -> str:
    """`name=value, name=value`, quoted."""
    return ", ".join(f"{name}={_value(name, value)}" for name, value in attributes.items())


def _value(name: str, value: str) -> str:
    if name == "label" and value.startswith("<"):
        return value
    clean = printable(value.replace("\n", " "))
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _short(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"
