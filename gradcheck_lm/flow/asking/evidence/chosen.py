"""Gradient that is switched off by choice: by an `if` of the program's that has it on for the same call."""

from __future__ import annotations

import ast

from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.source import function_around, stands_on, tree_of
from gradcheck_lm.flow.watching.tape import Switch


def is_chosen(switch: Switch) -> bool:
    """Whether gradient is off on one side of an `if`, and on its other side the same is called with gradient.

    A flag that says so was set by someone. An `if self.training` is none: it may stand there the wrong way round.
    """
    if switch.site is None or switch.decorated is not None:
        return False
    file, line = line_of(switch.site)
    tree = tree_of(file, "else")
    scope = function_around(tree, line) or tree
    for choice in ast.walk(scope):
        if not isinstance(choice, ast.If) or "training" in ast.unparse(choice.test):
            continue
        for here, there in ((choice.body, choice.orelse), (choice.orelse, choice.body)):
            off = [one for one in _blocks(here) if stands_on(one.items[0].context_expr, line)]
            if off and _calls(off[0].body) & _calls(_without_blocks(there)):
                return True
    return False


def _blocks(body: list[ast.stmt]) -> list[ast.With]:
    return [one for one in body if isinstance(one, ast.With)]


def _without_blocks(body: list[ast.stmt]) -> list[ast.stmt]:
    return [one for one in body if not isinstance(one, ast.With)]


def _calls(body: list[ast.stmt]) -> set[str]:
    return {ast.unparse(node) for one in body for node in ast.walk(one) if isinstance(node, ast.Call)}
