"""Lines of the program that a diagnosis speaks of, as they stand in the file today."""

from __future__ import annotations

import linecache


def source_line(file: str, line: int) -> str:
    """A line without its end; "" where the file, or the line in it, is not there.

    A diagnosis may be read from JSON, so its names may be none that a file can have: a NUL, half a character.
    """
    try:
        return linecache.getline(file, line).rstrip("\n")
    except ValueError:  # UnicodeEncodeError is one
        return ""
