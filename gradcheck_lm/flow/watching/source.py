"""A program's source as a tree: for what a frame does not tell, and for what did not run."""

from __future__ import annotations

import ast
import functools
import linecache
import re
from collections.abc import Mapping
from types import CodeType
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
DISCOUNT = re.compile(r"gamma|discount|γ", re.IGNORECASE)  # what programs call it that makes later rewards count less


def tree_of(file: str, *words: str) -> ast.Module:
    """The tree of a file, or of a notebook's cell; an empty one where there is no source.

    Args:
        words: it is empty also where none of these stands in it.
    """
    text = "".join(linecache.getlines(file))
    return _parsed(text) if not words or any(word in text for word in words) else ast.Module([], [])


@functools.lru_cache(maxsize=64)  # by the text: a file may have been written anew
def _parsed(text: str) -> ast.Module:
    try:
        return parsed(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def parsed(text: str) -> ast.Module:
    """As `ast.parse`, which Python 3.11 fails at where garbage is collected meanwhile and a callback parses too."""
    try:
        return ast.parse(text)
    except SystemError:  # gh-106905: nested, it takes the one's depth for the other's
        return ast.parse(text)


def stands_on(node: ast.stmt | ast.expr, line: int) -> bool:
    """Whether a line is one of those that a statement or an expression takes."""
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def function_around(tree: ast.AST, line: int) -> Function | None:
    """The innermost function around a line."""
    around = [node for node in ast.walk(tree) if isinstance(node, Function) and stands_on(node, line)]
    return max(around, key=lambda node: node.lineno, default=None)


def function_at(tree: ast.AST, line: int) -> str:
    """The name of the innermost function around a line; "" where there is none."""
    found = function_around(tree, line)
    return "" if found is None else found.name


def first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Where a function begins for its code object: at its first decorator."""
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def called(node: ast.Call) -> str:
    """`f` of `f(...)` and of `a.b.f(...)`; "" where what is called has no name."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def functions_of(code: CodeType) -> list[Function]:
    """The definitions that a code object may be of: those of its name that begin where it begins."""
    begins = code.co_name, code.co_firstlineno
    nodes = ast.walk(tree_of(code.co_filename))
    return [node for node in nodes if isinstance(node, Function) and (node.name, first_line(node)) == begins]


def value_of(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    """What a constant, a name, an attribute, a module's part or an entry of a dict stands for; None where that is open.

    Nothing of the program's is run: no property, no __getattr__.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return variables.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = value_of(node.value, variables)
        fields = getattr(owner, "__dict__", {})
        found = fields.get(node.attr, vars(type(owner)).get(node.attr))
        # a module's parts; other objects call other things so, as the lazy modules of transformers do
        for parts in (fields.get("_buffers"), fields.get("_parameters"), fields.get("_modules")):
            found = parts.get(node.attr, found) if isinstance(parts, dict) and node.attr not in fields else found
        return found
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner = value_of(node.value, variables)
        return owner.get(node.slice.value) if type(owner) is dict else None
    return None
