"""What characters can be shown where: consoles with old encodings, fonts without Japanese, labels in DOT."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# what stands in for a sign of ours or of a text that an encoding lacks
_PLAIN = {
    "✓": "ok", "✔": "ok", "✗": "x", "✘": "x", "→": "->", "←": "<-", "↓": "v", "⟶": "->", "…": "...",
    "—": "-", "–": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "·": ".",
    "×": "x", "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "±": "+-", "│": "|", "─": "-", "\u00a0": " ",
}  # fmt: skip

_STEERING = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2028\u2029"  # reverse the text or break the line

# what can steer a terminal, hide or turn what stands there, or that no encoding has; private characters may be letters
_HARMFUL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_STEERING}]")

_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def shown(text: str, encoding: str = "utf-8") -> str:
    """`text` with nothing in it that a console of this encoding cannot print, and no control characters.

    A character without a plain stand-in becomes its code point, as in "\\u65e5": unlike "?", it can be told apart.
    """
    try:
        codecs.lookup(encoding)
    except LookupError:
        encoding = "ascii"
    return "".join(_shown_character(character, encoding) for character in text)


@dataclass(frozen=True)
class Letters:
    """What may be printed: letters that an encoding has, and marks and lines of our own, drawn or in ASCII.

    Called with a text of the program's, it gives `shown`.
    """

    encoding: str = "utf-8"
    drawn: bool = True  # with lines and marks beyond ASCII

    def __call__(self, text: str) -> str:
        return shown(text, self.encoding)

    def own(self, mark: str) -> str:
        """A mark of our own."""
        return shown(mark, self.encoding if self.drawn else "ascii")


def letters_of(encoding: str) -> Letters:
    """What a console of this encoding is sent; trees and boxes are drawn where it is a UTF."""
    return Letters(encoding, encoding.lower().startswith("utf"))


def _shown_character(character: str, encoding: str) -> str:
    if character in "\n\t":
        return character
    if unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") or character in _STEERING:
        return _code_point(character)  # an escape sequence in a label must not steer the terminal
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return _PLAIN.get(character) or _code_point(character)
    return character


def harmless(text: str) -> str:
    """`text` of a stranger for a terminal or a file: what steers or hides is written as its code, as in "\\x1b"."""
    return _HARMFUL.sub(lambda match: _code_point(match.group()), text)


def cell(text: str) -> str:
    """`text` of a stranger for one cell of a table with tabs: `harmless`, and in one line without tabs."""
    return harmless(text).replace("\t", "\\t").replace("\n", "\\n")


def json_harmless(text: str) -> str:
    """A JSON text with the same characters written as JSON's own escapes, so that it reads back as it was."""
    return _HARMFUL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _code_point(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def bundled_fonts_cover(text: str) -> bool:
    """Whether fonts of Arial's kind (Latin, Greek, Cyrillic, arrows) have every character of `text`."""
    return all(ord(c) < 0x0530 or 0x2010 <= ord(c) <= 0x2027 or 0x2190 <= ord(c) <= 0x2195 for c in text)


def ascii_fallback(text: str) -> str:
    """DOT text for fonts without Japanese: a character that they lack becomes "u65E5", harmless in any label."""
    return "".join(c if bundled_fonts_cover(c) else f"u{ord(c):04X}" for c in text)


def printable(text: str) -> str:
    """`text` without the characters that XML, and so SVG, forbids: control characters and halves of pairs."""
    return _FORBIDDEN.sub("?", text)


def html_label(text: str) -> str:
    """`text` as the content of an HTML-like DOT label."""
    clean = printable(text.replace("\n", " ").replace("\t", " "))
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def told_apart(names: Iterable[str], longest: int) -> dict[str, str]:
    """Names in at most `longest` characters, each unlike the others: where the middle is what differs, the ends go.

    Of `bert.embeddings.word_embeddings.weight` and `bert.embeddings.position_embeddings.weight` the parts stay that
    tell them apart.
    """
    unique = list(dict.fromkeys(names))
    found = {name: shorten(name, longest) for name in unique}
    alike: dict[str, list[str]] = {}
    for name, short in found.items():
        alike.setdefault(short, []).append(name)
    for group in alike.values():
        if len(group) > 1:
            found |= _own_parts(group, longest)
    return found


def _own_parts(names: list[str], longest: int) -> dict[str, str]:
    parts = [name.split(".") for name in names]
    fewest = min(map(len, parts)) - 1
    front = next((i for i in range(fewest) if len({one[i] for one in parts}) > 1), fewest)
    back = next((i for i in range(fewest - front) if len({one[-1 - i] for one in parts}) > 1), fewest - front)
    found: dict[str, str] = {}
    for name, one in zip(names, parts, strict=True):
        led = ".." * (front > 0) + ".".join(one[front:])
        bare = ".." * (front > 0) + ".".join(one[front : len(one) - back]) + ".." * (back > 0)
        short = led if len(led) <= longest else shorten(bare, longest)
        if short in found.values():
            number = f" #{len(found) + 1}"
            short = shorten(short, longest - len(number)) + number
        found[name] = short
    return found


def shorten(text: str, longest: int) -> str:
    """`text` in at most `longest` characters; the middle goes, since the ends tell names apart."""
    if len(text) <= longest:
        return text
    head = (longest - 2) // 2
    return text[:head] + ".." + text[len(text) - (longest - 2 - head) :]
