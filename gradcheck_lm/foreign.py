"""Files of strangers: regular ones only, within a bound, and JSON that cannot end in a traceback."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from gradcheck_lm import bounds
from gradcheck_lm.bounds import Bound
from gradcheck_lm.errors import DataError, GradcheckLMError

_PIECE = 1 << 20  # bytes


def check_regular(path: str | Path, *, error: type[GradcheckLMError] = DataError) -> int:
    """See that a path is a file with a content of its own, before a library opens it.

    A pipe would be waited for, perhaps for ever; a device has no end.

    Returns:
        Its size in bytes.
    Raises:
        error: it is a pipe, a socket or a device. OSError: it is missing, or a folder.
    """
    return _size(os.stat(path), path, error)


def read_bytes(path: str | Path, bound: Bound, *, error: type[GradcheckLMError] = DataError) -> bytes:
    """All of a regular file.

    Raises:
        error: it is no regular file, or larger than the bound. OSError: it is missing, a folder, or may not be read.
    """
    # without O_NONBLOCK the opening of a pipe waits for its writer; what was opened is then looked at, not the name
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as stream:
        size = _size(os.fstat(handle), path, error)
        bound.hold(size, str(path), error=error)
        data = stream.read(size + 1)
        while len(data) > size:  # it has grown, or is one of the system's that do not know their size
            size = len(data)
            bound.hold(size, str(path), error=error)
            data += stream.read(_PIECE)
    return data


def read_text(path: str | Path, bound: Bound | None = None, *, error: type[GradcheckLMError] = DataError) -> str:
    """All of a regular UTF-8 file, without its byte order mark and with \\n at the line ends.

    Args:
        bound: None is `bounds.TEXT`.
    Raises:
        error: as `read_bytes`; or it is missing, may not be read, or is not UTF-8.
    """
    try:
        data = read_bytes(path, bound or bounds.TEXT, error=error)
    except (OSError, ValueError) as problem:  # ValueError: a name that no file can have
        if isinstance(problem, GradcheckLMError):
            raise
        raise error(f"cannot read {path}: {getattr(problem, 'strerror', None) or problem}") from problem
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise error(
            f"{path} is not UTF-8 near byte {problem.start} (0x{data[problem.start]:02X}, in line {line}): save it as "
            f"UTF-8 (iconv -f LATIN1 -t UTF-8)"
        ) from problem


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: it is no JSON, no UTF-8, or nested so deeply that Python will not follow.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _size(found: os.stat_result, path: str | Path, error: type[GradcheckLMError]) -> int:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise error(
            f"{path} is a pipe or a device, whose end nobody knows: write its content into a file, and name that"
        )
    return found.st_size
