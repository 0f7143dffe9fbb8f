"""One run a folder: a lock that the system itself lets go of when its process dies, even by kill -9."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gradcheck_lm.errors import RunError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.foreign import parse_json

LOCK = "run.lock"
HOLDER = "run.holder.json"  # beside the lock, whose own bytes belong to the system's locking


@contextmanager
def locked(folder: str | Path) -> Iterator[Path]:
    """Hold a folder for one run, and clear away what a killed one left half-written.

    The system releases the lock when the process ends in whatever way, so that no stale lock is ever met.

    Raises:
        RunError: another process, which is named, works in this folder.
        OSError: the folder or its lock cannot be made.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(
            f"{folder} is in use by {_holder(folder / HOLDER)}: wait until it is done, stop it, or give another --out"
        ) from None
    try:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with suppress(OSError):  # a courtesy to the next one: a full disk is told of where a state is lost by it
            (folder / HOLDER).unlink(missing_ok=True)  # rather no name than that of the last one
            write_text_atomic(folder / HOLDER, json.dumps(note))
        for remains in folder.glob(".*.part"):  # of a write that was killed; nobody else writes here now
            remains.unlink(missing_ok=True)
        yield folder
    finally:
        lock.release()


def _holder(note_file: Path) -> str:
    """Who wrote the note beside the lock, as far as it can be read."""
    try:
        note = parse_json(note_file.read_bytes())
        return f"process {int(note['pid'])} on {note['host']} since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
