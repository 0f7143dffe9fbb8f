"""XML from strangers: read without entities, without fetching anything, and within a size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_lm import bounds
from gradcheck_lm.errors import DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.foreign import read_bytes

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_HEAD = 1 << 14  # bytes in which the first element begins, behind a licence if need be
_CHUNK = 1 << 16  # bytes between two looks at the bounds


def read_xml(path: str | Path) -> Element:
    """The root of an XML file; entities, other than XML's own five, and external references are refused.

    The file is read piece by piece, and no further than to the place where a bound of `bounds` is passed.

    Raises:
        DataError: the file is missing, no XML, defines entities, or is beyond a bound.
        MissingPackageError: defusedxml is not installed.
    """
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError, XMLParser
    except ImportError as error:
        raise MissingPackageError(f"reading XML needs defusedxml: {install_line('lab')}") from error
    path = Path(path)
    try:
        data = read_bytes(path, bounds.XML)
        # a DOCTYPE alone is harmless, and some archives have one; nothing it points to is fetched
        parser = XMLParser(target=_Counting(str(path)), forbid_dtd=False, forbid_entities=True, forbid_external=True)
        for start in range(0, len(data), _CHUNK):
            parser.feed(data[start : start + _CHUNK])
        root: Element = parser.close()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except DefusedXmlException as error:
        raise DataError(
            f"{path} defines entities or points to other files ({type(error).__name__}), which can make a reader "
            f"fetch or fill anything: take the DOCTYPE's declarations out"
        ) from error
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an encoding that nobody knows
        raise DataError(f"{path} is no XML that can be read ({error}): fetch it again") from error
    return root


class _Counting:
    """Builds the tree, and raises DataError at the element that is one too many, too deep or has too long a value."""

    def __init__(self, where: str) -> None:
        from xml.etree.ElementTree import TreeBuilder

        builder = TreeBuilder()
        self._start, self._end, self.data, self.close = builder.start, builder.end, builder.data, builder.close
        self._where = where
        self._elements = self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        self._elements += 1
        self._depth += 1
        if self._elements > bounds.XML_ELEMENTS.most:  # looked at here: a call for each would be a third of the time
            bounds.XML_ELEMENTS.hold(self._elements, self._where)
        if self._depth > bounds.XML_DEPTH.most:
            bounds.XML_DEPTH.hold(self._depth, self._where)
        for value in attributes.values():
            if len(value) > bounds.XML_ATTRIBUTE.most:
                bounds.XML_ATTRIBUTE.hold(len(value), f"{self._where}: {tag.rpartition('}')[2]}")
        return self._start(tag, attributes)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return self._end(tag)


def root_name(path: str | Path) -> str:
    """The name of a file's first element, without its namespace and read from the file's head; "" where there is none.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.replace(b"\0", b"")
    match = _ROOT.search(re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
    return match.group(1).decode("ascii", "replace") if match else ""


def local(element: Element) -> str:
    """An element's name without its namespace: the versions of PAGE and ALTO differ in little else."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def named(element: Element, *names: str) -> Iterator[Element]:
    """The children with one of these names."""
    return (child for child in element if local(child) in names)


def below(element: Element, *names: str) -> Iterator[Element]:
    """Every element inside with one of these names, in the order of the document."""
    return (inner for inner in element.iter() if local(inner) in names)


def number(element: Element, name: str, where: str) -> float:
    """An attribute as a number.

    Raises:
        DataError: it is missing or no finite number.
    """
    text = element.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise DataError(f"{where}: {local(element)} has {name}={text!r}, expected a number")
    return value
