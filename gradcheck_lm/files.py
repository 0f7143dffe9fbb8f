"""Writing files so that nothing is ever half-written, and where files go that nobody asked for."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def user_cache() -> Path:
    """The folder for what can be made again: this package's part of the user's cache; it may not exist yet."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gradcheck_lm"


def write_bytes_atomic(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path` in one step: the old content stays until the new one is complete on disk.

    Raises:
        OSError: the folder cannot be written or the disk is full; the old file is untouched, no remains are left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(path)  # a write names no file, and the temporary name means nothing to anyone
        raise
    return path


def write_text_atomic(path: str | Path, text: str) -> Path:
    """Write `text` as UTF-8 to `path` in one step. Raises OSError as `write_bytes_atomic` does."""
    return write_bytes_atomic(path, text.encode("utf-8"))


def _umask() -> int:
    # mkstemp makes private files; the umask can only be read by setting it
    current = os.umask(0)
    os.umask(current)
    return current
