"""SVG from a layout engine made fit to stand inside a page: known elements and attributes only, ids of its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from gradcheck_lm.errors import ArgumentError

_ELEMENTS = {"svg", "g", "title", "path", "polygon", "polyline", "ellipse", "circle", "rect", "line", "text", "tspan"}
_ATTRIBUTES = {
    "class", "transform", "viewBox", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray",
    "stroke-opacity", "d", "points", "cx", "cy", "rx", "ry", "r", "x", "y", "x1", "x2", "y1", "y2", "width", "height",
    "text-anchor", "font-family", "font-size", "font-weight", "textLength", "lengthAdjust", "font-style",
}  # fmt: skip


def inline_svg(text: str, *, prefix: str = "", natural_size: bool = False) -> str:
    """An SVG file's text as an element for an HTML page.

    Scripts, links, styles, foreign objects and every attribute that could load or run something are dropped. Nodes get
    the id `prefix` + their name and the keyboard reaches them; edges say in data-from and data-to what they join.

    Args:
        text: a whole SVG file.
        prefix: in front of each id, so that pictures on one page do not share any.
        natural_size: keep width and height; else the page decides, and the viewBox keeps the proportions.
    Raises:
        ArgumentError: not well-formed XML, not SVG, or with entities declared.
    """
    if "<!ENTITY" in text:
        raise ArgumentError("this SVG declares XML entities; draw it again without them")
    try:
        root = ElementTree.fromstring(re.sub(r"<!DOCTYPE[^>\[]*>", "", text, count=1))
    except ElementTree.ParseError as error:
        raise ArgumentError(f"this SVG is not well-formed XML ({error}); draw it again") from error
    if _local(root.tag) != "svg":
        raise ArgumentError(f"this is no SVG: its outermost element is {_local(root.tag)!r}")
    clean = _clean(root, prefix)
    if not natural_size:
        for size in ("width", "height"):
            clean.attrib.pop(size, None)
    return ElementTree.tostring(clean, encoding="unicode")


def _clean(element: ElementTree.Element, prefix: str) -> ElementTree.Element:
    attributes = {name: value for name, value in element.attrib.items() if name in _ATTRIBUTES and "url(" not in value}
    result = ElementTree.Element(_local(element.tag), attributes)
    result.text, result.tail = element.text, None
    kind = element.get("class", "").split(" ")[0]
    if kind in ("node", "edge"):
        _name(result, element, kind, prefix)
    _append(result, element, prefix, drop_title=kind in ("node", "edge", "graph", "cluster"))
    return result


def _append(result: ElementTree.Element, element: ElementTree.Element, prefix: str, *, drop_title: bool) -> None:
    for child in element:
        name = _local(child.tag) if isinstance(child.tag, str) else ""
        if name == "a" or (name == "g" and not child.get("class") and not child.get("transform")):
            # a link goes, and the group that holds nothing but it; what they hold stays
            _append(result, child, prefix, drop_title=drop_title)
        elif name in _ELEMENTS and not (name == "title" and drop_title):
            result.append(_clean(child, prefix))


def _name(result: ElementTree.Element, element: ElementTree.Element, kind: str, prefix: str) -> None:
    title = next((child.text or "" for child in element if _local(child.tag) == "title"), "")
    if kind == "edge":
        tail, _, head = title.partition("->")
        result.set("data-from", tail)
        result.set("data-to", head)
        return
    words = " ".join("".join(part.itertext()).strip() for part in element.iter() if _local(part.tag) == "text")
    for name, value in (("id", prefix + title), ("data-node", title), ("tabindex", "0"), ("role", "button")):
        result.set(name, value)
    result.set("aria-label", words)


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]
