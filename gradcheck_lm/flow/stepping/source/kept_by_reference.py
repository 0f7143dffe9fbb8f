"""Weights that a training keeps for later without copying them, so that they move with every step: told by its text."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import called, tree_of

_LOOPS = ast.For | ast.While
_SHALLOW = ("dict", "OrderedDict", "copy")  # a dict of its own, with the same tensors
_NO_WEIGHTS = ("loader", "sampler", "sched", "scaler")  # what these give are numbers
_USES = ("load_state_dict", "save")


@dataclass(frozen=True)
class Kept:
    """A line that keeps what state_dict() gives, under a condition, in a loop."""

    place: Place
    name: str  # under which it is kept
    module: str
    used: int  # line, outside that loop, on which it is loaded or saved


@functools.cache
def kept_by_reference(file: str, ran: frozenset[int]) -> tuple[Kept, ...]:
    """Lines such as `if better: best = model.state_dict()`, where another line takes `best` for the weights of then.

    Args:
        ran: the first lines of functions that ran.
    """
    tree = tree_of(file, "state_dict")
    changed = {name for node in ast.walk(tree) for name in _changed(node)}
    everywhere = [use for node in ast.walk(tree) for use in _used(node)]
    found = []
    for function, body in reached(tree, ran):
        here = {id(node) for node in walk(body)}
        for node, loop in _under_a_condition(body):
            around = here if loop is None else {id(one) for one in ast.walk(loop)}
            for target, module in _keeps(node):
                key = _last(ast.unparse(target))
                later = [
                    use.lineno
                    for other, use in everywhere
                    if _last(ast.unparse(other)) == key
                    and id(use) not in around
                    # a local variable is one in its function alone
                    and (id(use) in here or isinstance(target, ast.Attribute))
                ]
                if later and key not in changed:
                    place = line_in(file, node, function)
                    found.append(Kept(place, ast.unparse(target), module, min(later)))
    return tuple(found)


def _under_a_condition(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.AST | None]]:
    """Assignments in an `if`, each with the outermost loop of its function that it stands in."""
    loops = [node for node in walk(body) if isinstance(node, _LOOPS)]
    for chosen in (node for node in walk(body) if isinstance(node, ast.If)):
        for node in walk(chosen.body):
            if isinstance(node, ast.Assign):
                around = (loop for loop in loops if any(one is node for one in ast.walk(loop)))
                yield node, next(around, None)


def _keeps(node: ast.stmt) -> Iterator[tuple[ast.expr, str]]:
    """(best, model) of `best = model.state_dict()`, and of dictionaries of its tensors that copy none."""
    if not isinstance(node, ast.Assign):
        return
    value: ast.expr = node.value
    if isinstance(value, ast.Call) and called(value) in _SHALLOW:
        value = value.args[0] if value.args else value.func.value if isinstance(value.func, ast.Attribute) else value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "state_dict":
        module = ast.unparse(value.func.value)
        for target in node.targets if not any(word in _last(module).lower() for word in _NO_WEIGHTS) else ():
            if isinstance(target, ast.Name | ast.Attribute):
                yield target, module


def _used(node: ast.AST) -> Iterator[tuple[ast.expr, ast.Call]]:
    """best of `model.load_state_dict(best)` and of `torch.save(best, path)`."""
    if isinstance(node, ast.Call) and called(node) in _USES:
        yield from ((name, node) for name in node.args[:1] if isinstance(name, ast.Name | ast.Attribute))


def _changed(node: ast.AST) -> Iterator[str]:
    """Names of dictionaries that are written to, item by item or as a whole from a copy: they are another matter."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield _last(ast.unparse(node.value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("update", "pop"):
        yield _last(ast.unparse(node.func.value))
    elif isinstance(node, ast.Assign) and "copy" in ast.unparse(node.value):
        targets = (target for target in node.targets if isinstance(target, ast.Name | ast.Attribute))
        yield from (_last(ast.unparse(target)) for target in targets if _copies_itself(target, node.value))


def _copies_itself(target: ast.expr, value: ast.expr) -> bool:
    """`best = deepcopy(best)`."""
    return any(ast.unparse(node) == ast.unparse(target) for node in ast.walk(value))


def _last(name: str) -> str:
    """`best` of `self.best` and of `stopper.best`: an object calls it the one, its owner the other."""
    return name.rpartition(".")[2]
