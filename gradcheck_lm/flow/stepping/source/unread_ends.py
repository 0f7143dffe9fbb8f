"""A discounted target that goes on beyond the end of an episode, beside a flag of the end that nothing reads."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import DISCOUNT, Function, function_around, tree_of

_ENDS = re.compile(r"^(not_)?(done|dones|terminal|terminals|terminated|finished|over)(_?(mask|flags?|t|b|batch))?$")


@dataclass(frozen=True)
class UnreadEnd:
    """The line that makes the target, the flag, and the line that gives it."""

    place: Place
    name: str
    line: int


@functools.cache
def unread_ends(file: str, ran: frozenset[int]) -> tuple[UnreadEnd, ...]:
    """Targets in what ran of a file, in a function that is given the ends and never looks at them.

    Args:
        ran: the first lines of functions that ran.
    """
    tree = tree_of(file, "done", "terminal", "terminated", "finished", "over")
    found = []
    for function, body in reached(tree, ran):
        nodes = list(walk(body))
        discounted = [node for node in nodes if isinstance(node, ast.Assign | ast.Return) and _is_target(node)]
        if not discounted:
            continue
        scope = function_around(tree, discounted[0].lineno) if function else None
        read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for name, line in _given(nodes, scope):
            if name not in read:
                found.append(UnreadEnd(line_in(file, discounted[0], function), name, line))
                break
    return tuple(found)


def _given(nodes: list[ast.AST], scope: Function | None) -> list[tuple[str, int]]:
    """Flags of the end that a function takes out of a batch with other things, or is called with."""
    names = [
        (node.id, node.lineno)
        for one in nodes
        if isinstance(one, ast.Tuple) and isinstance(one.ctx, ast.Store) and len(one.elts) > 3
        for node in one.elts
        if isinstance(node, ast.Name)
    ]
    if scope is not None:
        names += [(one.arg, one.lineno) for one in (*scope.args.args, *scope.args.kwonlyargs)]
    return [(name, line) for name, line in names if _ENDS.match(name)]


def _is_target(node: ast.Assign | ast.Return) -> bool:
    """A reward and something discounted; a sum that is discounted into itself, step by step, is a return."""
    if node.value is None:
        return False
    kept = {ast.unparse(target) for target in node.targets} if isinstance(node, ast.Assign) else set()
    sums = [one for one in ast.walk(node.value) if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add)]
    products = [
        one
        for both in sums
        for side in (both.left, both.right)
        for one in ast.walk(side)
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Mult) and DISCOUNT.search(ast.unparse(one))
    ]
    return any(
        kept.isdisjoint(ast.unparse(part) for part in ast.walk(one) if isinstance(part, ast.expr)) for one in products
    )
