"""Lines of a given width from text in which Japanese and English are mixed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.cells import cell_len

# a line of Japanese neither begins with the first nor ends with the second
_NEVER_FIRST = "、。，．,.!?！？：；:;)]）］」』】〉》ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…％%"
_NEVER_LAST = "(（[［「『【〈《"
# code in backticks stays whole where it fits; so does a run of letters; every other character may end a line
_PIECE = re.compile(r"`[^`\n]*`|[\u0021-\u005f\u0061-\u024f\u0370-\u03ff\u2190-\u21ff]+|\s+|.", re.DOTALL)


def wrap(text: str, width: int) -> list[str]:
    """`text` as lines of at most `width` columns, a wide character counting two; its own line ends stay."""
    return [line for paragraph in text.split("\n") for line in _wrap_paragraph(paragraph, max(width, 4))]


def _wrap_paragraph(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for piece in _unbreakable(text):
        if cell_len(line + piece.rstrip()) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece.lstrip()
        while cell_len(line) > width:  # longer than a line by itself: a path, or long code
            head = _head(line, width)
            lines.append(head.rstrip())
            line = line[len(head) :]
    return [*lines, line.rstrip()]


def _unbreakable(text: str) -> list[str]:
    """Pieces between which a line may end."""
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        glued = pieces and (piece[0] in _NEVER_FIRST or pieces[-1][-1] in _NEVER_LAST)
        if glued and not pieces[-1].isspace():
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def _head(text: str, width: int) -> str:
    end = 1
    while end < len(text) and cell_len(text[: end + 1]) <= width:
        end += 1
    space = text.rfind(" ", 0, end) + 1
    return text[: space if space > end // 2 else end]  # code ends a line at a space rather than inside a name


def wrapped_code(line: str, width: int) -> list[str]:
    """A line of Python as lines of at most `width` columns, broken at spaces; what follows is indented further.

    A piece without a space that is longer than a line stays whole. A comment that does not fit stands above its line.
    """
    indent = len(line) - len(line.lstrip())
    code, mark, comment = line.partition("  # ") if line.strip()[:2] != "# " else ("", "# ", line.strip()[2:])
    if mark and cell_len(line) > width:
        above = [f"{' ' * indent}# {part}" for part in wrap(comment, max(16, width - indent - 2))]
        return above + (wrapped_code(code, width) if code.strip() else [])
    head, found = line, []
    while cell_len(head) > width:
        end = max(width, indent + 9)
        while cell_len(head[:end]) > width and end > indent + 9:
            end -= 1
        space = head.rfind(" ", indent + 9, end + 1)
        if space < 0:
            space = head.find(" ", end)
        if space < 0 or not head[space:].strip():
            break
        found.append(head[:space])
        head = " " * (indent + 8) + head[space + 1 :].lstrip()
    return [*found, head]


def short(path: Path) -> str:
    """A path as one would type it from here, or from home: a terminal makes a link only of what stands on one line."""
    texts = [str(path)]
    try:
        relative = os.path.relpath(path)
        if not relative.startswith(os.path.join("..", "..", "..")):
            texts.append(relative)
        home = path.relative_to(Path.home())
        if os.name == "posix":
            texts.append(os.path.join("~", home))
    except (ValueError, RuntimeError):  # another drive, not below home, or no home
        pass
    text = min(texts, key=len)
    return f'"{text}"' if " " in text else text
