"""What PAGE-XML and ALTO say of a page: its picture's name and size, and its lines with outline, text and tags."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_lm import bounds
from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.readers.crops import Polygon
from gradcheck_lm.htr.readers.xml import below, local, named, number, read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOTS = ("PcGts", "alto")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_ODD = re.compile(r"[^\d\s,.+-]")
_SHORT = 60  # so much of an outline is quoted


@dataclass(frozen=True)
class PageLine:
    """One line: outline in the page's units, transcript or None, and the tags of the line and of its region."""

    name: str
    polygon: Polygon
    text: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """image: the picture's name as the file has it, or ""; size: (height, width) in the outline's units, or None."""

    image: str
    size: tuple[float, float] | None
    lines: tuple[PageLine, ...]


def read_page(path: str | Path) -> Page:
    """A PAGE-XML or ALTO file, of any version of either, its lines in the order of the document.

    Raises:
        DataError: no such XML, or coordinates that are no numbers; the line is named.
        MissingPackageError: defusedxml is not installed.
    """
    root = read_xml(path)
    if local(root) == "PcGts":
        return _page(root, str(path))
    if local(root) == "alto":
        return _alto(root, str(path))
    raise DataError(f"{path} is neither PAGE-XML nor ALTO: its first element is {local(root)!r}")


def _page(root: Element, path: str) -> Page:
    page = next(named(root, "Page"), None)
    if page is None:
        raise DataError(f"{path} is PAGE-XML without a Page")
    size = None
    if page.get("imageHeight") and page.get("imageWidth"):
        size = number(page, "imageHeight", path), number(page, "imageWidth", path)
    lines = _Lines(path)
    waiting: list[tuple[Element, tuple[str, ...]]] = [(child, ()) for child in reversed(page)]
    while waiting:  # regions nest: tables hold cells, and those regions
        child, tags = waiting.pop()
        kind = local(child)
        if kind == "TextLine":
            lines.add(_page_line(child, tags, path))
        elif kind.endswith("Region") or kind == "TableCell":
            inner = _joined(tags, _page_tags(child), path)
            waiting += [(part, inner) for part in reversed(child)]
    return Page(page.get("imageFilename", ""), size, tuple(lines.found))


class _Lines:
    """The lines of a page, as long as it has no more of them and of their corners than a page can have."""

    def __init__(self, path: str) -> None:
        self.found: list[PageLine] = []
        self._path = path
        self._corners = 0

    def add(self, line: PageLine) -> None:
        self.found.append(line)
        self._corners += len(line.polygon)
        bounds.PAGE_LINES.hold(len(self.found), self._path)
        bounds.PAGE_CORNERS.hold(self._corners, self._path)


def _joined(tags: tuple[str, ...], own: Iterable[str], where: str) -> tuple[str, ...]:
    """The tags of a region and of what it stands in, each once; the same tuple where nothing comes to them.

    Each line holds them all, so that a bound on each is a bound on all.
    """
    joined = tuple(dict.fromkeys((*tags, *own)))
    bounds.TAGS.hold(len(joined), where)
    return tags if joined == tags else joined


def _page_line(line: Element, tags: tuple[str, ...], path: str) -> PageLine:
    name = line.get("id", "")
    coords = next(named(line, "Coords"), None)
    points = coords.get("points", "") if coords is not None else ""
    if coords is not None and not points:  # the form of 2010: a child for each corner
        points = " ".join(f"{point.get('x')},{point.get('y')}" for point in named(coords, "Point"))
    text = _equivalent(line)
    if text is None:
        words = [word for word in (_equivalent(word) for word in named(line, "Word")) if word]
        text = " ".join(words) or None
    where = f"{path}, line {name}"
    return PageLine(name, _corners(points, where), text, _joined(tags, _page_tags(line), where))


def _equivalent(element: Element) -> str | None:
    """The transcript of a line or word; of several the one with the lowest index."""
    found = sorted(named(element, "TextEquiv"), key=lambda equivalent: _index(equivalent.get("index", "0")))
    for equivalent in found:
        for unicode in (*named(equivalent, "Unicode"), *named(equivalent, "PlainText")):
            text = _clean(unicode.text or "")
            if text:
                return text
    return None


def _index(text: str) -> int:
    """A whole number as XML has it; 0 for what is none, and for one that no reader of pages counts to."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _page_tags(element: Element) -> tuple[str, ...]:
    found = [element.get("type", ""), *_structure_types(element.get("custom", ""))]
    return tuple(tag.strip() for tag in found if tag.strip())


def _structure_types(custom: str) -> Iterator[str]:
    """The types in `readingOrder {index:0;} structure {type:heading;}`: braces do not nest there."""
    for part in custom.split("}"):
        name, _, facts = part.partition("{")
        if name.strip() == "structure":
            for fact in facts.split(";"):
                key, _, value = fact.partition(":")
                if key.strip() == "type":
                    yield value


def _alto(root: Element, path: str) -> Page:
    labels = {
        tag.get("ID", ""): tag.get("LABEL", "") or tag.get("ID", "") for tags in named(root, "Tags") for tag in tags
    }
    file = next(below(root, "fileName"), None)
    page = next(below(root, "Page"), None)
    if page is None:
        raise DataError(f"{path} is ALTO without a Page")
    size = None
    if page.get("HEIGHT") and page.get("WIDTH"):
        size = number(page, "HEIGHT", path), number(page, "WIDTH", path)
    lines = _Lines(path)
    waiting: list[tuple[Element, tuple[str, ...]]] = [(page, ())]
    while waiting:
        element, tags = waiting.pop()
        if references := element.get("TAGREFS", ""):
            tags = _joined(tags, (labels.get(tag, tag) for tag in references.split()), path)
        if local(element) == "TextLine":
            lines.add(_alto_line(element, tags, path))
        else:
            waiting += [(child, tags) for child in reversed(element)]
    return Page((file.text or "").strip() if file is not None else "", size, tuple(lines.found))


def _alto_line(line: Element, tags: tuple[str, ...], path: str) -> PageLine:
    name = line.get("ID", "")
    where = f"{path}, line {name}"
    outline = next((polygon for shape in named(line, "Shape") for polygon in named(shape, "Polygon")), None)
    if outline is not None:
        polygon = _corners(outline.get("POINTS", ""), where)
    else:
        x, y, width, height = (number(line, key, where) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
        polygon = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    parts: list[str] = []
    for part in named(line, "String", "HYP"):
        parts += [" " if local(part) == "String" else "", part.get("CONTENT", "")]
    return PageLine(name, polygon, _clean("".join(parts)) or None, tags)


def _corners(points: str, where: str) -> Polygon:
    """Corners from "x,y x,y" or "x y x y": both are in use."""
    if _ODD.search(points):
        raise DataError(f"{where}: the outline {points[:_SHORT]!r} holds more than numbers")
    numbers = [float(value) for value in _NUMBER.findall(points)]
    bounds.CORNERS.hold(len(numbers) // 2, f"{where}: its outline")
    if len(numbers) % 2:
        raise DataError(
            f"{where}: the outline {points[:_SHORT]!r} has {len(numbers)} numbers, expected pairs of x and y"
        )
    if any(abs(value) > 1e6 for value in numbers):
        raise DataError(f"{where}: the outline {points[:_SHORT]!r} lies a million pixels away")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))
