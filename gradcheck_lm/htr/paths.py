"""Paths that stand in data files: they name files inside the data's own folder, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from gradcheck_lm.errors import DataError

_NUMBERS = re.compile(r"(\d+)")


def inside(folder: str | Path, name: str, where: str) -> Path:
    """The place of a file that a data file names, which may not exist yet.

    Args:
        folder: the data's folder; links that lead out of it are not followed.
        name: as it stands in the data, with / or \\ between its parts.
        where: leads the message, for example "labels.tsv, line 3".
    Raises:
        DataError: the name is absolute, climbs with .., or is a link to somewhere outside.
    """
    folder = Path(folder)
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or PureWindowsPath(name).drive or "\0" in name:
        raise DataError(f"{where}: {name!r} leads out of the folder; name files inside {folder}")
    path = folder / parts
    try:
        real = path.resolve()
    except (OSError, RuntimeError, UnicodeEncodeError):
        # a circle of links; a name too long for the system, or with half a character, stands nowhere
        return path
    if not real.is_relative_to(folder.resolve()):
        raise DataError(
            f"{where}: {name!r} is a link that leads out of the folder; put a copy of the file inside {folder}"
        )
    return path


def exists(path: str | Path) -> bool:
    """Whether there is such a file; a name that the system finds too long is none."""
    return os.path.isfile(path)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Sorted as people number things: line_2 before line_10."""
    return sorted(paths, key=lambda path: (_natural(str(path.parent)), _natural(path.name)))


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in _NUMBERS.split(name) if part]
