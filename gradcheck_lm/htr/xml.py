"""XML from strangers: read without entities, without fetching anything, and within a size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_lm.errors import DataError, MissingPackageError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LARGEST_XML = 100_000_000  # bytes; a page of a newspaper has about one million
_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")


def read_xml(path: str | Path) -> Element:
    """The root of an XML file; entities, other than XML's own five, and external references are refused.

    Raises:
        DataError: the file is missing, too large, no XML, or defines entities.
        MissingPackageError: defusedxml is not installed.
    """
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError as error:
        raise MissingPackageError("reading XML needs defusedxml: pip install 'gradcheck_lm[lab]'") from error
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > LARGEST_XML:
            raise DataError(f"{path} has {size / 1e6:.0f} MB, at most {LARGEST_XML / 1e6:.0f} are read as XML")
        # a DOCTYPE alone is harmless, and some archives have one; nothing it points to is fetched
        root: Element = fromstring(path.read_bytes(), forbid_dtd=False, forbid_entities=True, forbid_external=True)
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


def root_name(path: str | Path) -> str:
    """The name of a file's first element, without its namespace and read from the file's head; "" where there is none.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(4096)
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
