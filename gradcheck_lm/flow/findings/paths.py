"""Paths as a reader knows them, without the folders of the machine."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

_ROOTS = (Path(__file__).parents[3], Path(sysconfig.get_path("stdlib")))


def at(file: str, line: int) -> str:
    """A line as a reader knows it: "train.py:7", in a notebook as its traceback says it: "Cell In[3], line 7"."""
    cell = cell_name(file)
    return f"{cell}, line {line}" if cell else f"{short_path(file)}:{line}"


def brief(file: str, line: int) -> str:
    """The same where there is little room: the file's name alone, "In[3]:7" in a notebook."""
    cell = cell_name(file)
    return f"{cell.rpartition(' ')[2] if cell else Path(file).name}:{line}"


def cell_name(file: str) -> str:
    """A notebook's cell by its name in tracebacks, "Cell In[3]"; "" for any other file."""
    ipython = sys.modules.get("IPython")  # who has no notebook has not imported it
    if ipython is None:
        return ""
    try:
        kind, name = ipython.get_ipython().compile.format_code_name(file)
    except Exception:  # no shell is running, the file is no cell, or an older IPython
        return ""
    return f"{kind} {name}"


def short_path(file: str) -> str:
    """A path as a reader knows it, without the folders of this machine.

    From the working folder where it lies inside; of an installed library, the standard library and this package from
    the package's name on; of any other package too; else the file and its folder.
    """
    if cell := cell_name(file):
        return cell
    if not os.path.isabs(file):
        return file
    try:
        return _short(file, os.getcwd())
    except OSError:  # the working folder is gone
        return _short(file, None)


@functools.lru_cache(4096)  # a step's ledger names the same few files for each of its tensors
def _short(file: str, here: str | None) -> str:
    path = Path(file)
    installed = _after_last(path.parts, ("site-packages", "dist-packages"))
    if installed:
        return installed
    for root in (Path(here), *_ROOTS) if here is not None else _ROOTS:
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    top = path.parent
    while (top / "__init__.py").is_file() and top != top.parent:
        top = top.parent
    return path.relative_to(top).as_posix() if top != path.parent else f"{path.parent.name}/{path.name}".lstrip("/")


def _after_last(parts: Sequence[str], names: Iterable[str]) -> str:
    places = [index for index, part in enumerate(parts) if part in names]
    return "/".join(parts[places[-1] + 1 :]) if places else ""
