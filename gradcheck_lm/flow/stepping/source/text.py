"""A program's text: what of a file ran, and the lines of it as places."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from typing import Any

from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import Function, first_line

_DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_BEGUN_BY_TORCH = ("__init__", "forward", "__call__")  # of a class whose name is mentioned


def walk(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """All that stands in some statements, but not in functions and classes that are only defined there."""
    nodes: list[ast.AST] = [one for one in statements if not isinstance(one, _DEFINED)]
    while nodes:
        node = nodes.pop(0)
        yield node
        nodes[:0] = [one for one in ast.iter_child_nodes(node) if not isinstance(one, _DEFINED)]


def bodies(scope: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    """(function, its statements): of a module what stands in no function; else all functions in it, methods too."""
    if isinstance(scope, ast.Module):
        yield "", scope.body
        return
    for node in ast.walk(scope):
        if isinstance(node, Function):
            yield node.name, node.body


def reached(tree: ast.Module, ran: frozenset[int]) -> list[tuple[str, list[ast.stmt]]]:
    """As `bodies`, of what ran, of all functions and methods whose names stand in those, and so on.

    Args:
        ran: the first lines of functions that ran.
    """
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    begun = {
        id(method): kind.name
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef)
        for method in kind.body
        if isinstance(method, Function) and method.name in _BEGUN_BY_TORCH
    }
    found = [("", tree.body)]
    names = _mentioned(list(walk(tree.body)))
    while True:
        new = [
            one for one in functions if first_line(one) in ran or one.name in names or begun.get(id(one), "") in names
        ]
        if not new:
            return found
        functions = [one for one in functions if one not in new]
        for one in new:
            found.append((one.name, one.body))
            names |= _mentioned(list(walk(one.body)))


def last(name: str) -> str:
    """`best` of `self.best` and of `stopper.best`: an object calls it the one, its owner the other."""
    return name.rpartition(".")[2]


def line_in(file: str, node: Any, function: str) -> Place:
    """The line on which something stands."""
    return Place(file, node.lineno, function, linecache.getline(file, node.lineno).strip(), None)


def _mentioned(nodes: list[ast.AST]) -> set[str]:
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)} | {
        node.id for node in nodes if isinstance(node, ast.Name)
    }
