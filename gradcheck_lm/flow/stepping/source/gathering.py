"""The line that gathers what an optimizer is given, where that is another than the one that makes it."""

from __future__ import annotations

import ast

from gradcheck_lm.flow.stepping.source.text import line_in, walk
from gradcheck_lm.flow.watching.sites import Place, Site, line_of
from gradcheck_lm.flow.watching.source import called, function_around, function_at, stands_on, tree_of

_GATHERS = ("parameters", "named_parameters")
_INTO = ("append", "extend", "insert", "update", "add")


def gathering_place(site: Site) -> Place | None:
    """The one statement before a call that gathers what the call is given; None where none does, or several do.

    Args:
        site: of the call that makes the optimizer.
    """
    file, line = line_of(site)
    tree = tree_of(file, *_GATHERS)
    nodes = list(walk((function_around(tree, line) or tree).body))
    call = next((one for one in nodes if isinstance(one, ast.Call) and stands_on(one, line)), None)
    if call is None or _gathers(call):
        return None
    names = {node.id for one in _given(call) for node in _names(one)}
    statements = [one for one in nodes if isinstance(one, ast.Assign | ast.AugAssign | ast.Expr) and one.lineno < line]
    found = []
    for node in sorted(statements, key=lambda one: -one.lineno):
        if names & _written(node):
            names |= {one.id for one in _names(node.value)}
            found += [node] if _gathers(node) else []
    return line_in(file, found[0], function_at(tree, found[0].lineno)) if len(found) == 1 else None


def _gathers(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Call) and called(one) in _GATHERS for one in ast.walk(node))


def _given(call: ast.Call) -> list[ast.expr]:
    """What a call is given first, or as `params`."""
    return [*call.args[:1], *(one.value for one in call.keywords if one.arg == "params")]


def _names(node: ast.AST) -> list[ast.Name]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Name)]


def _written(node: ast.Assign | ast.AugAssign | ast.Expr) -> set[str]:
    """The names that a statement gives a value, or puts something into."""
    if isinstance(node, ast.Expr):
        into = node.value.func if isinstance(node.value, ast.Call) else None
        if not isinstance(into, ast.Attribute) or into.attr not in _INTO:
            return set()
        return {one.id for one in _names(into.value)}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {one.id for target in targets for one in _names(target)}
