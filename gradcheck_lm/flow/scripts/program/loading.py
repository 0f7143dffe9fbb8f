"""A script or module as `python` and `python -m` would start it: its code, and a fresh __main__."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from gradcheck_lm.errors import TraceError


@dataclass(frozen=True)
class Loaded:
    """Code to run, what its __main__ holds, and the folder that its imports are looked for in."""

    code: types.CodeType
    fields: dict[str, Any]
    search: str


def load(path_or_module: str | Path, *, module: bool) -> Loaded:
    """Find and compile a script or a module.

    Raises:
        TraceError: there is none, it may not be read, or it is not Python.
    """
    return _load_module(str(path_or_module)) if module else _load_script(Path(path_or_module))


def _load_module(name: str) -> Loaded:
    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError:
        spec = None
    finally:
        sys.path.remove(os.getcwd())
    code = spec.loader.get_code(spec.name) if spec is not None and hasattr(spec.loader, "get_code") else None  # type: ignore[union-attr]
    if spec is None or code is None:
        raise TraceError(f"there is no module {name!r} to run; give its dotted name as after python -m.")
    fields = {"__spec__": spec, "__package__": spec.parent, "__file__": spec.origin, "__loader__": spec.loader}
    return Loaded(code, fields, os.getcwd())


def _load_script(path: Path) -> Loaded:
    if not path.is_file():
        raise TraceError(
            f"there is no script {str(path)!r}; give the path of a Python file, or module=True and a module's name."
        )
    if path.suffix == ".ipynb":  # its JSON may well be Python, of a program that does nothing
        raise TraceError(
            f"{path} is a notebook, no script. In the notebook: %load_ext gradcheck_lm, then %%gradflow model on top "
            f"of the cell that trains. Or make a script of it: jupyter nbconvert --to script {path}"
        )
    full = str(path.resolve())
    try:
        code = compile(path.read_bytes(), full, "exec", dont_inherit=True)
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror or error}; check its permissions.") from error
    except (SyntaxError, ValueError) as error:
        raise TraceError(f"{path} is not a Python script: {error}") from error
    # the variables that `python script.py` gives it
    fields = {"__file__": full, "__package__": None, "__spec__": None, "__loader__": SourceFileLoader("__main__", full)}
    return Loaded(code, fields, os.path.dirname(full))


@contextmanager
def as_main(loaded: Loaded, argv: list[str]) -> Iterator[types.ModuleType]:
    """A fresh __main__ with the script's argv, path and Python's own excepthook; the old ones come back."""
    main = types.ModuleType("__main__")
    main.__dict__.update(loaded.fields, __builtins__=__builtins__)
    kept = sys.modules.get("__main__"), sys.argv, list(sys.path), sys.excepthook
    sys.modules["__main__"], sys.argv = main, [loaded.code.co_filename, *argv]
    sys.path.insert(0, loaded.search)
    sys.excepthook = sys.__excepthook__
    try:
        yield main
    finally:
        if kept[0] is not None:
            sys.modules["__main__"] = kept[0]
        sys.argv, sys.path[:], sys.excepthook = kept[1], kept[2], kept[3]
