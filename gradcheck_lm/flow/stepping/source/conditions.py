"""The condition under which a step stands that was never made, found by reading the source: what did not run has no
frame to ask."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import line_in
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import function_at, tree_of


@dataclass(frozen=True)
class Condition:
    """An `if` around a call."""

    place: Place
    text: str


def condition_of_step(file: str, optimizer: str) -> Condition | None:
    """The innermost `if` around every step() of an optimizer in a file; None where there is a step() without one.

    Args:
        optimizer: its name there, as in `optimizer.step()`, `self.optimizer.step()` or `scaler.step(optimizer)`; ""
            where it is not known: any that is called an optimizer.
    """
    tree = tree_of(file)
    found = [around for call, around in _calls(tree) if _steps(call, optimizer)]
    if not found or any(around is None for around in found):
        return None
    first = found[0]
    assert first is not None
    return Condition(line_in(file, first, function_at(tree, first.lineno)), ast.unparse(first.test))


def _calls(tree: ast.AST) -> list[tuple[ast.Call, ast.If | None]]:
    """Each call with the innermost `if` of its own function around it."""
    found: list[tuple[ast.Call, ast.If | None]] = []
    stack: list[tuple[ast.AST, ast.If | None]] = [(tree, None)]
    while stack:
        node, around = stack.pop()
        if isinstance(node, ast.Call):
            found.append((node, around))
        for name, value in ast.iter_fields(node):
            inside = around
            if isinstance(node, ast.If) and name in ("body", "orelse"):
                inside = node
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
                inside = None
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    stack.append((child, inside))
    return found


def _steps(call: ast.Call, optimizer: str) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "step":
        return False
    names = [_name(node) for node in (call.func.value, *call.args[:1])]
    return optimizer in names if optimizer else any("opt" in name for name in names)


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
