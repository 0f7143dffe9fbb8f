"""Writing files so that nothing is ever half-written, and where files go that nobody asked for."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(self|\d+)(/task/\d+)?/fd")
_LINKS = 40  # as many as Linux follows


def user_cache() -> Path:
    """The folder for what can be made again: this package's part of the user's cache; it may not exist yet."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gradcheck_lm"


def user_state() -> Path:
    """The folder for what cannot be made again: this package's part of the user's state; it may not exist yet."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "gradcheck_lm"


def write_bytes_atomic(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path` in one step: the old content stays until the new one is complete on disk.

    A link is written through, a file that is there keeps its mode and owner. A device, a pipe and an open descriptor
    (/dev/null, /dev/stdout, a FIFO) take the bytes as they come: there is no old content to keep, and a file in their
    place would be their end.

    Raises:
        OSError: the folder cannot be written or the disk is full; the old file is untouched, no remains are left.
    """
    path = Path(path)
    try:
        descriptor = _descriptor(path)
        if descriptor is not None:
            _write_descriptor(descriptor, data)
            return path
        try:
            found = os.stat(path)
        except FileNotFoundError:
            found = None
        if found is not None and not stat.S_ISREG(found.st_mode):
            with open(path, "wb", buffering=0) as stream:
                _write_all(stream.fileno(), data)
        else:
            _replace(Path(os.path.realpath(path)), data, found)
    except OSError as error:
        if error.errno is not None:
            error.filename = str(path)  # a write names no file, and the temporary name means nothing to anyone
            error.filename2 = None
        raise
    return path


def write_text_atomic(path: str | Path, text: str) -> Path:
    """Write `text` as UTF-8 to `path` in one step. Raises OSError as `write_bytes_atomic` does."""
    return write_bytes_atomic(path, encodable(text).encode("utf-8"))


def encodable(text: str) -> str:
    """`text` with halves of surrogate pairs, which no encoding has, written as \\udce9.

    A file name that is not UTF-8 holds some. JSON reads them back as they were; everyone else sees the code.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _replace(target: Path, data: bytes, found: os.stat_result | None) -> None:
    """Put a new regular file in the place of what is there, if anything is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # a part of the name alone: with our ends it could be too long for the system
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if found is None:
            os.chmod(temporary, 0o666 & ~_umask())
        else:
            if hasattr(os, "chown"):
                with contextlib.suppress(OSError):  # only root may give a file away
                    os.chown(temporary, found.st_uid, found.st_gid)
            os.chmod(temporary, stat.S_IMODE(found.st_mode))
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _descriptor(path: Path) -> int | None:
    """The open descriptor that a path means, as /dev/stdout and /dev/fd/3 do; None for all others.

    To open such a name anew would start at the file's beginning, over what was printed before.
    """
    for _ in range(_LINKS):
        folder = os.path.realpath(path.parent)
        if _DESCRIPTORS.fullmatch(folder) and path.name.isdecimal():
            ours = folder == "/dev/fd" or folder.split("/")[2] in ("self", str(os.getpid()))
            return int(path.name) if ours else None
        if not os.path.islink(path):
            return None
        path = Path(folder, os.readlink(path))
    return None


def _write_descriptor(descriptor: int, data: bytes) -> None:
    for stream in (sys.stdout, sys.stderr):  # what was printed before comes before
        with contextlib.suppress(AttributeError, ValueError):  # none, or closed
            stream.flush()
    _write_all(descriptor, data)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _umask() -> int:
    # mkstemp makes private files; the umask can only be read by setting it
    current = os.umask(0)
    os.umask(current)
    return current
