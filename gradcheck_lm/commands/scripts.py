"""What somebody meant who gave `run` a name that is no script, or the program a script instead of a command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

_PYTHON = re.compile(r"(py|pypy\d?|python(\d(\.\d+)?)?)(\.exe)?$")
_LAUNCHERS = {"torchrun": "torchrun --nproc_per_node 1", "accelerate": "accelerate launch"}


def no_script(script: str, options: Sequence[str]) -> str:
    """Why a name is no script, and what to type.

    Args:
        script: what stands in the script's place.
        options: the command's own, "--json" and its like.
    """
    if script.startswith("-"):
        name = script.partition("=")[0]
        near = get_close_matches(name, options, n=1, cutoff=0.75)
        meant = f"do you mean {near[0]}? There are" if near else "there are"
        return (
            f"run has no option {name!r}: {meant} {', '.join(options)}. The script's own options stand after its name."
        )
    path = Path(script)
    if _PYTHON.match(path.name):
        return f"there is no script {script!r}: leave {path.name} out, and give the script: gradcheck-lm run train.py"
    if path.name in _LAUNCHERS:
        return (
            f"there is no script {script!r}: it starts processes of its own, so it stands in front: "
            f"{_LAUNCHERS[path.name]} -m gradcheck_lm run train.py"
        )
    if path.is_dir():
        return f"{script!r} is a folder: give the script in it, {_in_folder(path)}"
    beside = _near(path)
    cure = f"do you mean {beside!r}? A" if beside else "check the path; a"
    return f"there is no script {script!r}: {cure} module is run with: gradcheck-lm run -m NAME"


def _near(path: Path) -> str | None:
    """A script beside where the name points that is called nearly so."""
    there = {found.name: found for found in _scripts(path.parent)}
    name = path.name if path.suffix == ".py" else f"{path.name}.py"
    near = get_close_matches(name, there, n=1, cutoff=0.75)
    return str(there[near[0]]) if near else None


def _in_folder(folder: Path) -> str:
    named = [found for found in _scripts(folder) if re.search("train|main|run", found.stem)] or _scripts(folder)
    return f"such as {str(named[0])!r}" if named else "or another's path: no .py file lies here"


def _scripts(folder: Path) -> list[Path]:
    try:
        return sorted(found for found in folder.glob("*.py") if found.is_file())
    except OSError:
        return []


def script_named(name: str) -> str | None:
    """The script that is meant by what stands in a command's place; None where none is."""
    if name.endswith((".py", ".ipynb")) or Path(name).is_file():
        return name
    return f"{name}.py" if Path(f"{name}.py").is_file() else None
