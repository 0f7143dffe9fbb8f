"""Inside flow the rooms stand in one order, and no file is part of a circle: read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gradcheck_lm

PACKAGE = Path(gradcheck_lm.__file__).parent
# each room may use those before it; what stands at flow's top may use all of them
ROOMS = (
    "operations", "watching", "gradients", "findings", "tracing", "rerunning", "stepping", "asking", "bridging",
    "scripts",
)  # fmt: skip
# a Diagnosis shows itself and asks again: inside its methods it imports what it needs at that moment
SHOWS_ITSELF = {("findings/model.py", "bridging")}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, *, inner: bool = True) -> list[tuple[str, int]]:
    """(module, line) of every import of this package; with inner=False only those that run at the file's own import."""
    tree = ast.parse(source)
    late = {
        node
        for part in ast.walk(tree)
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.If))
        for node in ast.walk(part)
    }
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("gradcheck_lm"):
            continue
        if inner or node not in late:
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


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[2] if len(parts) > 3 and parts[1] == "flow" else None


def wrong_arrows(path: str, source: str) -> list[str]:
    """Imports of a room of flow that lead to a later room, or to flow's top."""
    here = path.split("/")[0]
    wrong = []
    for name, line in imported(source):
        parts = name.split(".")
        if parts[1:2] != ["flow"] or len(parts) < 3:
            continue
        there = parts[2]
        if (path, there) in SHOWS_ITSELF:
            continue
        if there not in ROOMS or ROOMS.index(there) > ROOMS.index(here):
            wrong.append(f"flow/{path}:{line} imports {name}: {here} may use {ROOMS[: ROOMS.index(here) + 1]}")
    return wrong


FLOW = PACKAGE / "flow"
IN_ROOMS = sorted(path.relative_to(FLOW).as_posix() for path in FLOW.rglob("*.py") if path.parent != FLOW)


@pytest.mark.parametrize("path", IN_ROOMS)
def test_rooms_use_only_those_before_them(path: str) -> None:
    assert wrong_arrows(path, (FLOW / path).read_text(encoding="utf-8")) == []


def test_a_wrong_arrow_is_seen() -> None:
    assert wrong_arrows("watching/x.py", "from gradcheck_lm.flow.asking.inquiry import Inquiry")
    assert wrong_arrows("asking/x.py", "from gradcheck_lm.flow.diagnose import diagnose")
    assert wrong_arrows("tracing/x.py", "def f():\n    from gradcheck_lm.flow.scripts import runner")


def test_flow_is_rooms_and_a_short_hall() -> None:
    hall = [path.name for path in FLOW.glob("*.py")]
    assert len(hall) <= 8, hall
    assert {path.split("/")[0] for path in IN_ROOMS} <= set(ROOMS)


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
    modules = known_modules()
    arrows = {
        module: {
            target
            for name, _ in imported(path.read_text(encoding="utf-8"), inner=False)
            if (target := target_of(name, modules)) is not None and target != module
        }
        for module, path in modules.items()
        if path.name != "__init__.py"  # a package's front names what is inside
    }
    assert circle(arrows) == []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
