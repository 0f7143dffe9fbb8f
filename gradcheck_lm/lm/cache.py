"""Converted models, kept between runs: SmolLM2's GGUF file takes about 18 s to read, its converted copy 0.3 s.

The copies live under the user's cache folder, or under the folder named by the environment variable GRADCHECK_LM_CACHE;
GRADCHECK_LM_CACHE=off keeps none. They hold safetensors and JSON only. A damaged copy is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from gradcheck_lm.files import user_cache
from gradcheck_lm.foreign import parse_json

# raise this when the form of the copies changes: old ones are then left alone and made anew
FORMAT = 1
_SUMMARY = "complete.json"


def cache_folder() -> Path | None:
    """The folder of the converted models; None where the user wants none."""
    chosen = os.environ.get("GRADCHECK_LM_CACHE", "")
    if chosen.lower() in {"off", "no", "0"}:
        return None
    if chosen:
        return Path(chosen).expanduser()
    return user_cache() / "lm"


def cache_key(file: Path, *parts: str) -> str:
    """A name for what `file` holds now, converted in the way that `parts` say."""
    with file.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256")
    content.update("\n".join([str(FORMAT), *parts]).encode())
    return f"{file.stem}-{content.hexdigest()[:16]}"


def find(key: str) -> Path | None:
    """The whole and undamaged copy called `key`; None where there is none. A damaged one is removed."""
    base = cache_folder()
    if base is None or not (base / key).is_dir():
        return None
    folder = base / key
    try:
        wanted = parse_json((folder / _SUMMARY).read_bytes())["files"]
        if wanted and all(_checksum(folder / name) == value for name, value in wanted.items()):
            return folder
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    discard(folder)
    return None


def discard(folder: Path) -> None:
    """Remove a copy that turned out to be of no use."""
    shutil.rmtree(folder, ignore_errors=True)


def keep(key: str, write: Callable[[Path], None]) -> Path | None:
    """Let `write` fill a folder and put it in place in one step. None where nothing could be kept (a full disk)."""
    base = cache_folder()
    if base is None:
        return None
    temporary: Path | None = None
    try:
        base.mkdir(parents=True, exist_ok=True)
        _sweep(base, key)
        temporary = Path(tempfile.mkdtemp(dir=base, prefix=f".{key}."))
        write(temporary)
        files = {file.name: _checksum(file) for file in sorted(temporary.iterdir())}
        (temporary / _SUMMARY).write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")
        os.replace(temporary, base / key)
        return base / key
    except Exception:
        # another process may have put the same copy there first; else (a full disk) the next run simply tries again:
        # a copy that cannot be kept must not stop a model that is already loaded
        return find(key)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _sweep(base: Path, key: str) -> None:
    """Remove what processes that were killed while writing left behind."""
    for remains in base.glob(f".{key}.*"):
        with contextlib.suppress(OSError):
            if time.time() - remains.stat().st_mtime > 3600:
                shutil.rmtree(remains, ignore_errors=True)


def _checksum(file: Path) -> str:
    """Against damage, not against malice: the copy is the user's own file."""
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 22):
            value = zlib.crc32(block, value)
    return f"{value:08x}"
