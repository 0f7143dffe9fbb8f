"""An unchanged script under the recorder, up to its first backward(), as `python -m pdb` would run it."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.scripts.session import REFUSED, Enough
from gradcheck_lm.flow.scripts.session import ScriptRecorder as ScriptRecorder
from gradcheck_lm.flow.scripts.session import Session as Session


def run_script(
    path_or_module: str | Path, argv: Sequence[str] = (), *, module: bool = False, until: str = "first-backward"
) -> Diagnosis:
    """Run a script or module unchanged and diagnose its loss at its first backward().

    The tensors asked about are those that the script's optimizers hold; the loss is the tensor that backward() is
    called on, and where it is a sum with a dead addend the addends are told apart.

    Args:
        path_or_module: the script's path, or with module=True a module's name, as after `python -m`.
        argv: the script's own arguments.
        until: "first-backward": stop there; "end": run on, and return the first diagnosis that is not ok, or the last.
    Returns:
        Diagnosis.
    Raises:
        TraceError: no such script or module; it ended without a backward(); the loss is not one finite number.
        Exception: errors of the script itself, SystemExit with a code other than 0 among them, pass as they are.
    """
    seen = watch_script(path_or_module, argv, module=module, until=until)
    if seen.error is not None:
        raise seen.error
    assert seen.diagnosis is not None
    return seen.diagnosis


@dataclass
class Seen:
    """What came of a script's run."""

    diagnosis: Diagnosis | None
    error: BaseException | None  # what ended the script, SystemExit with a code other than 0 among them


def watch_script(
    path_or_module: str | Path, argv: Sequence[str] = (), *, module: bool = False, until: str = "first-backward"
) -> Seen:
    """As `run_script`, and an error of the script does not hide what was found before it.

    Args:
        until: also "refused": run on to where autograd refuses a loss ("element 0 of tensors does not require grad"),
            and diagnose that loss alone; there is no diagnosis where this does not happen.
    Raises:
        TraceError: as `run_script`.
    """
    if until not in ("first-backward", "end", "refused"):
        raise TraceError(f"until is {until!r}; it is 'first-backward' or 'end'.")
    code, fields, search = _load(path_or_module, module)
    session = Session(until)
    failure: BaseException | None = None
    with _as_main(code.co_filename, fields, [code.co_filename, *argv], search) as main, session.optimizers():
        session.main = main.__dict__
        try:
            with session.recorder:
                exec(code, main.__dict__)
        except Enough:
            pass
        except SystemExit as leaving:
            failure = leaving if leaving.code not in (None, 0) else None
        except Exception as error:
            failure = error
        if isinstance(failure, RuntimeError) and until == "refused" and REFUSED in str(failure):
            session.refused(failure)
    if until == "first-backward" and session.answer is not None:
        failure = None  # the script was stopped on purpose
    if session.answer is None and failure is None and until != "refused":
        raise TraceError(
            f"{path_or_module} ended without calling backward(): there is no loss to diagnose. Give it the arguments "
            "with which it trains, or call gradcheck_lm.diagnose(fn, wrt=model) from your own code."
        )
    return Seen(session.answer, failure)


def _load(path_or_module: str | Path, module: bool) -> tuple[types.CodeType, dict[str, Any], str]:
    if module:
        name = str(path_or_module)
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
        return code, {"__spec__": spec, "__package__": spec.parent, "__file__": spec.origin}, os.getcwd()
    path = Path(path_or_module)
    if not path.is_file():
        raise TraceError(
            f"there is no script {str(path)!r}; give the path of a Python file, or module=True and a module's name."
        )
    full = str(path.resolve())
    try:
        code = compile(path.read_bytes(), full, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise TraceError(f"{path} is not a Python script: {error}") from error
    return code, {"__file__": full, "__package__": None, "__spec__": None}, os.path.dirname(full)


@contextmanager
def _as_main(file: str, fields: dict[str, Any], argv: list[str], search: str) -> Iterator[types.ModuleType]:
    """A fresh __main__ with the script's argv and path; the old one comes back."""
    main = types.ModuleType("__main__")
    main.__dict__.update(fields, __builtins__=__builtins__)
    kept = sys.modules.get("__main__"), sys.argv, list(sys.path)
    sys.modules["__main__"], sys.argv = main, argv
    sys.path.insert(0, search)
    try:
        yield main
    finally:
        if kept[0] is not None:
            sys.modules["__main__"] = kept[0]
        sys.argv = kept[1]
        sys.path[:] = kept[2]
