"""Who may import whom: the house of five floors, read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gradcheck_lm

PACKAGE = Path(gradcheck_lm.__file__).parent
FOUNDATION = {"errors", "extras", "files", "bounds", "foreign", "display", "options"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "extras": {"foreign"},
    "files": set(),
    "bounds": {"errors"},
    "display": {"files"},
    "foreign": {"errors", "bounds"},
    "options": {"errors"},
    "texts": FOUNDATION,
    "flow": FOUNDATION,
    "htr": FOUNDATION | {"texts"},
    "lm": FOUNDATION | {"texts"},
    "draw": FOUNDATION | {"flow"},
    "integrations": FOUNDATION | {"flow", "draw"},
    "penalties": FOUNDATION | {"htr", "lm"},
    "lab": FOUNDATION | {"texts", "flow", "draw", "htr", "lm", "penalties"},
    "course": FOUNDATION | {"texts", "flow", "draw", "htr", "lm", "penalties", "lab"},
    "commands": FOUNDATION | {"texts", "flow", "draw", "htr", "lm", "penalties", "lab", "integrations", "course"},
    "bench": FOUNDATION
    | {"texts", "flow", "draw", "htr", "lm", "penalties", "lab", "integrations", "course", "commands", "cli"},
    "cli": FOUNDATION | {"commands"},
    "__main__": {"cli"},
    "__init__": FOUNDATION | {"flow", "integrations"},
}
# third-party packages that have one home
HOMES = {
    "transformers": {"lm", "integrations", "bench"},  # a benchmark holds us against the others themselves
    "rich": {"draw", "commands", "course"},
    "torchviz": {"draw", "bench"},
    "graphviz": {"draw"},
    "pygraphviz": {"draw"},
    "matplotlib": {"draw"},
    "jinja2": {"draw"},
    "accelerate": {"lab"},
    "jiwer": {"lab"},
    "filelock": {"lab"},
    "typer": {"cli", "commands", "bench", "course"},
    "PIL": {"htr", "lab"},
    "defusedxml": {"htr"},
    "datasets": {"htr"},
    "lightning": {"integrations"},
    "pytorch_lightning": {"integrations"},
    "pytest": {"integrations"},
    "IPython": {"integrations", "course"},  # a lesson as a notebook shows its pictures there
}


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(tree: ast.AST) -> list[tuple[str, int, bool]]:
    """(module, line, inside a function) of every import."""
    inner = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno, node in inner) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}: write the whole name"
            if node.module == "gradcheck_lm":
                found += [(f"gradcheck_lm.{alias.name}", node.lineno, node in inner) for alias in node.names]
            else:
                found.append((node.module or "", node.lineno, node in inner))
    return found


def faults(path: Path, source: str) -> list[str]:
    """What a file imports that its floor may not."""
    here = part_of(path)
    wrong = []
    for module, line, inside in imports_of(ast.parse(source)):
        top, *rest = module.split(".")
        if top == "lessons":
            wrong.append(f"{path.name}:{line} imports lessons")
        if top == "gradcheck_lm" and rest and not rest[0].startswith("__version"):
            target = rest[0]
            # a result shows itself: draw is imported inside its methods, at that moment
            shows_itself = here in {"flow", "display"} and target == "draw" and inside
            if target != here and target not in ALLOWED[here] and not shows_itself:
                wrong.append(f"{here}/{path.name}:{line} imports {module}: {here} may import {sorted(ALLOWED[here])}")
        if top in HOMES and here not in HOMES[top]:
            wrong.append(f"{here}/{path.name}:{line} imports {top}, whose home is {sorted(HOMES[top])}")
        if here == "flow" and top not in {"torch", "gradcheck_lm", "__future__"} and not _standard(top):
            wrong.append(f"flow/{path.name}:{line} imports {top}: flow imports torch and nothing else")
    return wrong


def _standard(name: str) -> bool:
    import sys

    return name in sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_keep_to_the_floors(path: Path) -> None:
    assert faults(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("flow/x.py", "import numpy"),
        ("flow/x.py", "from gradcheck_lm.draw import terminal"),
        ("htr/x.py", "from gradcheck_lm.lm import load"),
        ("lm/x.py", "from gradcheck_lm import htr"),
        ("draw/x.py", "def f():\n    from gradcheck_lm.lab import compare"),
        ("penalties/x.py", "import transformers"),
        ("lab/x.py", "import rich"),
        ("commands/x.py", "import lessons.l01"),
    ],
)
def test_a_wrong_import_is_seen(place: str, source: str) -> None:
    assert faults(PACKAGE / place, source)


def test_every_part_has_a_floor() -> None:
    parts = {part_of(path) for path in PACKAGE.rglob("*.py")}
    assert parts <= set(ALLOWED)
