"""Texts in an SVG told how wide they were laid out, so that a viewer with wider fonts does not run over its boxes."""

from __future__ import annotations

import re
import unicodedata
from html import unescape

# widths of Helvetica's letters from the space to the tilde, in thousandths of the size (Adobe's font metrics; fonts
# made to stand in for it, as Arial and Liberation Sans, have the same)
_PLAIN = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip
_COURIER = 600
_WIDE = 1000  # a letter of Japanese, in every font of that kind
_ROOM = "\u200b"  # takes no room where it is shown; in a layout it has the width that three unknown bytes have
_PER_BYTE = 278  # what a byte of a letter of unknown width counts in a layout in Helvetica
_LABEL = re.compile(r"[^<>\"\\\n]+")
_TEXT = re.compile(r"<text ([^>]*)>([^<]+)</text>")


def text_width(text: str, size: float, *, face: str = "Helvetica", bold: bool = False) -> float | None:
    """How wide a text is in Helvetica or Courier, in the unit of its size; None where a letter's width is unknown.

    A wide letter, as those of Japanese, is as wide as the size in each font.
    """
    plain = [letter for letter in text if not _wide(letter)]
    if not all(" " <= letter <= "~" for letter in plain):
        return None
    wide = (len(text) - len(plain)) * _WIDE
    if face.startswith("Courier"):
        return (wide + len(plain) * _COURIER) * size / 1000
    widths = _BOLD if bold else _PLAIN
    return (wide + sum(widths[ord(letter) - 32] for letter in plain)) * size / 1000


def _wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def with_room(dot_text: str) -> str:
    """DOT text for an engine that takes wide letters for narrower than they are: as much room as they need beside them.

    What is added has no width in the picture; `without_room` takes it out again.
    """
    return _LABEL.sub(_roomy, dot_text)


def _roomy(match: re.Match[str]) -> str:
    lacking = sum(_WIDE - _PER_BYTE * len(letter.encode()) for letter in match[0] if _wide(letter))
    return match[0] + _ROOM * max(0, -(-lacking // (_PER_BYTE * len(_ROOM.encode()))))


def without_room(svg: str) -> str:
    """The SVG without what `with_room` added."""
    return svg.replace(_ROOM, "")


def fit_texts(svg: str) -> str:
    """Give each text in Helvetica or Courier its width; for pictures laid out with the metrics of these fonts."""
    return _TEXT.sub(_fitted, svg)


def _fitted(match: re.Match[str]) -> str:
    attributes, content = match.groups()
    found = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
    face = found.get("font-family", "")
    if not face.startswith(("Helvetica", "Courier")) or "textLength" in found:
        return match[0]
    size = float(found.get("font-size", "14").removesuffix("px"))
    width = text_width(unescape(content), size, face=face, bold=found.get("font-weight") == "bold")
    if not width or not content.strip():
        return match[0]
    return f'<text {attributes} textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs">{content}</text>'
