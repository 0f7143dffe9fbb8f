"""Loops around a line that runs, by the program's text: how often the outer one is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from gradcheck_lm.flow.watching.sites import is_users
from gradcheck_lm.flow.watching.source import Function, stands_on, tree_of, value_of

Loop = ast.For | ast.While
_DEEPEST = 20  # frames


def epochs_around(frame: FrameType | None, made: tuple[str, int]) -> int | None:
    """How often the loop around the loop over batches is run, where a line stands in both; None where that is unknown.

    Args:
        frame: whose line it is.
        made: file and line of a thing that is made anew in each turn where it stands inside the outer loop.
    """
    loops = list(_loops(frame))
    inner = next((loop for loop, _, _ in loops), None)
    if (
        inner is None
        or not _trains(inner)
        or "epoch" in ast.unparse(inner.target if isinstance(inner, ast.For) else inner.test)
    ):
        return None
    for outer, file, variables in loops[1:]:
        if file == made[0] and stands_on(outer, made[1]):
            return None
        if (turns := _turns(outer, variables)) is not None:
            return turns
    return None


def _loops(frame: FrameType | None) -> Iterator[tuple[Loop, str, Mapping[str, Any]]]:
    """The innermost first, through the functions that called each other."""
    for _ in range(_DEEPEST):
        if frame is None:
            return
        if is_users(frame.f_code):
            file, line = frame.f_code.co_filename, frame.f_lineno
            tree = tree_of(file, "for", "while")
            around = [node for node in ast.walk(tree) if isinstance(node, Loop | Function) and stands_on(node, line)]
            for node in sorted(around, key=lambda node: -node.lineno):
                if isinstance(node, Function):
                    break
                yield node, file, {**frame.f_globals, **frame.f_locals}
        frame = frame.f_back


def _trains(loop: Loop) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in ast.walk(loop))


def _turns(loop: Loop, variables: Mapping[str, Any]) -> int | None:
    """Of `for epoch in range(...)`, wrapped by enumerate or a progress bar or not."""
    if not isinstance(loop, ast.For):
        return None
    for node in ast.walk(loop.iter):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("range", "trange"):
            numbers = [_number(one, variables) for one in node.args]
            if numbers and all(number is not None for number in numbers):
                return len(range(*numbers))  # type: ignore[arg-type]
    return None


def _number(node: ast.expr, variables: Mapping[str, Any]) -> int | None:
    """A whole number that an expression stands for, without running anything of the program's."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = _number(node.left, variables), _number(node.right, variables)
        if left is None or right is None:
            return None
        return left + right if isinstance(node.op, ast.Add) else left - right
    value = value_of(node, variables)
    return value if type(value) is int else None
