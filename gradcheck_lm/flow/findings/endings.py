"""What a result can be saved as, by the ending of the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradcheck_lm.errors import ArgumentError

TEXTS = (".json", ".sarif", ".txt")
PAGES = (".html", ".htm")
PICTURES = (".svg", ".png", ".pdf", ".dot")


def ending_of(path: Path, known: Sequence[str], *, doing: str) -> str:
    """The ending in small letters.

    Args:
        path: of the file to write.
        known: the endings that there are.
        doing: what was to be done with the file, "draw into" or "save a diagnosis as".
    Raises:
        ArgumentError: another ending, or none.
    """
    ending = path.suffix.lower()
    if ending not in known:
        raise ArgumentError(f"cannot {doing} {path.name!r}: its ending is none of {', '.join(known)}; rename the file")
    return ending
