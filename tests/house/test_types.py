"""What an editor knows of the public names: tests/types/ holds them all, and `make check` has two checkers read it."""

from __future__ import annotations

import ast
import importlib
import runpy
from pathlib import Path

import pytest

TYPES = Path(__file__).resolve().parents[1] / "types"
PUBLIC = ("gradcheck_lm", *(f"gradcheck_lm.{part}" for part in ("draw", "flow", "htr", "lm", "penalties")))


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.fixture(scope="module")
def used() -> set[str]:
    """Every dotted name in tests/types, such as `draw.render`."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in TYPES.glob("*.py")]
    return {dotted(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def public(module: str) -> list[str]:
    if module in ("gradcheck_lm.htr", "gradcheck_lm.lm", "gradcheck_lm.penalties"):
        pytest.importorskip("numpy", reason="needs NumPy: pip install 'gradcheck_lm[lab]'")
    return importlib.import_module(module).__all__


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_checked(module: str, used: set[str]) -> None:
    short = "gc" if module == "gradcheck_lm" else module.removeprefix("gradcheck_lm.")
    # flow's names are the debugger's: those that `gc` has too are checked there
    seen = {name for name in public(module) if f"{short}.{name}" in used or (short == "flow" and f"gc.{name}" in used)}
    assert set(public(module)) - seen == set()


@pytest.mark.parametrize("module", PUBLIC)
def test_what_a_checker_is_told_is_what_there_is(module: str) -> None:
    """A lazy name is written twice, for the checker and for the program: both must have the same object."""
    names = set(public(module))
    found = importlib.import_module(module)
    tree = ast.parse(Path(found.__file__).read_text(encoding="utf-8"))
    told = {
        alias.asname or alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {name for name in names if name not in vars(found)} if told else set()
    assert lazy <= set(told) <= names
    for name, home in told.items():
        assert getattr(found, name) is getattr(importlib.import_module(home), name)


def test_the_first_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(TYPES / "first_program.py"))
    assert capsys.readouterr().out.startswith("GF101 8 ")
