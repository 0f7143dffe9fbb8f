"""Inside flow and lab the rooms stand in one order, and no file is part of a circle: read from the imports."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import gradcheck_lm

PACKAGE = Path(gradcheck_lm.__file__).parent
# each room may use those before it; what stands at the top of flow may use all of them
ROOMS: dict[str, tuple[str, ...]] = {
    "flow": (
        "operations", "watching", "gradients", "findings", "tracing", "rerunning", "stepping", "asking", "bridging",
        "scripts",
    ),
    "lab": ("config", "settings", "machine", "lines", "folder", "measuring", "training", "adapting", "comparing"),
}  # fmt: skip
# a Diagnosis shows itself and asks again: inside its methods it imports what it needs at that moment
SHOWS_ITSELF = {("flow/findings/model.py", "bridging")}
# a script's recorder is told of backward() before it happens
HEIRS = {
    ("flow/scripts/recorder.py", "ScriptRecorder"),
    # a penalty that is another one with one thing changed, and what it returns
    ("penalties/local_expectation.py", "LocalOutput"),
    ("penalties/policy_gradient_path.py", "PolicyGradientPath"),
    ("penalties/straight_through.py", "StraightThrough"),
    ("lab/training/partly_labelled.py", "PartlyLabelled"),  # lines like any other to the loop
}
MOST_LINES = 300


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, *, types: bool = True) -> list[tuple[str, int]]:
    """(module, line) of every import of this package; with types=False without those that only name types."""
    tree = ast.parse(source)
    typed = {
        node
        for part in ast.walk(tree)
        if isinstance(part, ast.If) and "TYPE_CHECKING" in ast.unparse(part.test)
        for node in ast.walk(part)
    }
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("gradcheck_lm"):
            continue
        if types or node not in typed:
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def known_modules() -> dict[str, Path]:
    return {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def target_of(name: str, modules: dict[str, Path]) -> str | None:
    """The module that `from package.module import name` loads: the name itself where that is a module."""
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else None


def wrong_arrows(path: str, source: str) -> list[str]:
    """Imports of a room that lead to a later room of its part, or to the part's top."""
    part, here, *_ = path.split("/")
    rooms = ROOMS[part]
    wrong = []
    for name, line in imported(source):
        parts = name.split(".")
        if parts[1:2] != [part] or len(parts) < 3:
            continue
        there = parts[2]
        if (path, there) in SHOWS_ITSELF:
            continue
        if there not in rooms or rooms.index(there) > rooms.index(here):
            wrong.append(f"{path}:{line} imports {name}: {here} may use {rooms[: rooms.index(here) + 1]}")
    return wrong


IN_ROOMS = sorted(
    path.relative_to(PACKAGE).as_posix()
    for part in ROOMS
    for path in (PACKAGE / part).rglob("*.py")
    if path.parent != PACKAGE / part
)


@pytest.mark.parametrize("path", IN_ROOMS)
def test_rooms_use_only_those_before_them(path: str) -> None:
    assert wrong_arrows(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


def test_a_wrong_arrow_is_seen() -> None:
    assert wrong_arrows("flow/watching/x.py", "from gradcheck_lm.flow.asking.inquiry import Inquiry")
    assert wrong_arrows("flow/asking/x.py", "from gradcheck_lm.flow.diagnose import diagnose")
    assert wrong_arrows("flow/tracing/x.py", "def f():\n    from gradcheck_lm.flow.scripts import runner")
    assert wrong_arrows("lab/lines/x.py", "from gradcheck_lm.lab.training.trainer import METRICS")


@pytest.mark.parametrize(("part", "most"), [("flow", 8), ("lab", 4)])
def test_a_part_is_rooms_and_a_short_hall(part: str, most: int) -> None:
    hall = [path.name for path in (PACKAGE / part).glob("*.py")]
    assert len(hall) <= most, hall
    assert {path.split("/")[1] for path in IN_ROOMS if path.startswith(part)} <= set(ROOMS[part])


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, [] where there is none."""
    done: set[str] = set()
    for start in arrows:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            module, leaving = stack.pop()
            if leaving:
                path.pop()
                done.add(module)
            elif module in path:
                return [*path[path.index(module) :], module]
            elif module not in done:
                path.append(module)
                stack.append((module, True))
                stack.extend((target, False) for target in arrows.get(module, ()))
    return []


def test_no_file_is_part_of_a_circle() -> None:
    """Imports inside functions count, too; those of a Diagnosis that shows itself do not."""
    modules = known_modules()
    arrows = {
        module: {
            target
            for name, _ in imported(path.read_text(encoding="utf-8"), types=False)
            if (target := target_of(name, modules)) is not None and target != module
        }
        for module, path in modules.items()
        if path.name != "__init__.py"  # a package's front names what is inside
    }
    for module in arrows:
        if module.startswith("gradcheck_lm.flow."):  # what shows itself: tests/house/test_layers.py holds it to methods
            arrows[module] = {target for target in arrows[module] if not target.startswith("gradcheck_lm.draw.")}
    arrows["gradcheck_lm.flow.findings.model"] = {
        target for target in arrows["gradcheck_lm.flow.findings.model"] if ".findings." in target
    }
    arrows["gradcheck_lm.display"] = set()  # its base imports what draws a result when the result is shown
    assert circle(arrows) == []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def class_of(name: str) -> object:
    """The class or module that a dotted name stands for, None where it is neither."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return None


def foreign_parents(path: str, source: str) -> list[str]:
    """Classes that inherit from a class of another file of this package which was not made for it."""
    tree = ast.parse(source)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcheck_lm"):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    wrong = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or (path, node.name) in HEIRS:
            continue
        for base in node.bases:
            head, _, rest = ast.unparse(base).partition(".")
            parent = class_of(f"{names[head]}.{rest}" if rest else names[head]) if head in names else None
            if isinstance(parent, type) and not inspect.isabstract(parent) and not issubclass(parent, Exception):
                wrong.append(f"{path}:{node.lineno} {node.name} inherits from {parent.__module__}: own it instead")
    return wrong


FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES)
def test_parts_are_owned_not_inherited(path: str) -> None:
    source = (PACKAGE / path).read_text(encoding="utf-8")
    assert foreign_parents(path, source) == []
    assert source.count("\n") <= MOST_LINES, f"{path} is too long: what are its two nouns?"


def test_an_heir_is_seen() -> None:
    head = "from gradcheck_lm.flow.watching.recorder import Recorder\nfrom gradcheck_lm.flow.watching import recorder\n"
    assert foreign_parents("flow/asking/x.py", head + "class Mine(Recorder): ...")
    assert foreign_parents("flow/asking/x.py", head + "class Mine(recorder.Recorder): ...")
    base = "from gradcheck_lm.flow.watching.intervention import Intervention\n"
    assert foreign_parents("flow/asking/x.py", base + "class Mine(Intervention): ...") == []
