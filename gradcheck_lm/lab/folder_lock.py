"""One run a folder: a lock that the system itself lets go of when its process dies, even by kill -9."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gradcheck_lm.errors import RunError
from gradcheck_lm.foreign import parse_json

LOCK = "run.lock"

if sys.platform == "win32":  # pragma: no cover - the tests run where there is flock
    import msvcrt

    def _take(stream: IO[bytes]) -> None:
        stream.seek(1_000_000)  # a byte far behind the note, which others must be able to read
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(folder: str | Path) -> Iterator[Path]:
    """Hold a folder for one run, and clear away what a killed one left half-written.

    The lock belongs to the open file, not to its name: the system releases it when the process ends in whatever way,
    so that no stale lock is ever met. The file stays; deleting it would let two runs hold two files of one name.

    Raises:
        RunError: another process, which is named, works in this folder.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / LOCK
    with open(place, "a+b") as stream:
        try:
            _take(stream)
        except OSError as error:
            if not _busy(error):
                raise
            raise RunError(
                f"{folder} is in use by {_holder(place)}: wait until it is done, stop it, or give another --out"
            ) from None
        stream.truncate(0)
        stream.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}).encode())
        stream.flush()
        for remains in folder.glob(".*.part"):  # of a write that was killed; nobody else writes here now
            remains.unlink(missing_ok=True)
        yield folder


def _busy(error: OSError) -> bool:
    return isinstance(error, (BlockingIOError, PermissionError))


def _holder(place: Path) -> str:
    """Who wrote the note in the lock, as far as it can be read."""
    try:
        note = parse_json(place.read_bytes())
        return f"process {int(note['pid'])} on {note['host']} since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
