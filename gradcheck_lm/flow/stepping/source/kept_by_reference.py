"""Weights that a training keeps for later without copying them, so that they move with every step: told by its text."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import last, line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import called, tree_of

_LOOPS = ast.For | ast.While
_SHALLOW = ("dict", "OrderedDict", "copy")  # a dict of its own, with the same tensors
_OF_A_STATE = ("items", "values", "keys", "copy")
_OF_TENSORS = ("detach", "data", "cpu", "contiguous", "requires_grad_")  # on the CPU none of these copies
_NO_WEIGHTS = ("loader", "sampler", "sched", "scaler")  # what these give are numbers
_USES = ("load_state_dict", "save")


@dataclass(frozen=True)
class Kept:
    """A line that keeps what state_dict() gives, under a condition or in a method that is called under one."""

    place: Place
    name: str  # under which it is kept
    module: str
    used: int  # line, outside that loop, on which it is loaded or saved


@functools.cache
def kept_by_reference(file: str, ran: frozenset[int], elsewhere: bool = False) -> tuple[Kept, ...]:
    """Lines such as `if better: best = model.state_dict()`, where another line takes `best` for the weights of then.

    Args:
        ran: the first lines of functions that ran.
        elsewhere: the weights lie on another device than the CPU: .cpu() copies them.
    """
    tree = tree_of(file, "state_dict")
    filled = {id(one) for node in ast.walk(tree) for one in _filled(node, elsewhere)}
    changed = {name for node in ast.walk(tree) if id(node) not in filled for name in _changed(node)}
    everywhere = [use for node in ast.walk(tree) for use in _used(node)]
    functions = reached(tree, ran)
    begun = _begun_under_a_condition(functions)
    found = []
    for function, body in functions:
        here = {id(node) for node in walk(body)}
        at_once = {id(node) for name, other in functions if name in begun.get(function, ()) for node in walk(other)}
        for node, loop in _kept_here(body, function in begun):
            around = at_once | (here if loop is None else {id(one) for one in ast.walk(loop)})
            for target, module in _keeps(node, elsewhere):
                key = last(ast.unparse(target))
                later = [
                    use.lineno
                    for other, use in everywhere
                    if last(ast.unparse(other)) == key
                    and id(use) not in around
                    # a local variable is one in its function alone
                    and (id(use) in here or isinstance(target, ast.Attribute))
                    and (function not in begun or _is_for(use, module))
                ]
                if later and key not in changed:
                    place = line_in(file, node, function)
                    found.append(Kept(place, ast.unparse(target), module, min(later)))
    return tuple(found)


def _begun_under_a_condition(functions: list[tuple[str, list[ast.stmt]]]) -> dict[str, set[str]]:
    """Of what is called in an `if` as a statement of its own: all else that is called there."""
    begun: dict[str, set[str]] = {}
    for chosen in (node for _, body in functions for node in walk(body) if isinstance(node, ast.If)):
        calls = [one for node in chosen.body for one in ast.walk(node) if isinstance(one, ast.Call)]
        for node in walk(chosen.body):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                begun.setdefault(called(node.value), set()).update(map(called, calls))
    return begun


def _kept_here(body: list[ast.stmt], begun: bool) -> Iterator[tuple[ast.stmt, ast.AST | None]]:
    """Assignments in an `if`, each with the outermost loop of its function that it stands in; or all of them."""
    loops = [node for node in walk(body) if isinstance(node, _LOOPS) and not any(_filled(node, False))]
    chosen = [one for node in walk(body) if isinstance(node, ast.If) for one in node.body]
    for node in walk(body if begun else chosen):
        if isinstance(node, ast.Assign | ast.For):
            around = (loop for loop in loops if any(one is node for one in ast.walk(loop)))
            yield node, next(around, None)


def _keeps(node: ast.stmt, elsewhere: bool) -> Iterator[tuple[ast.expr, str]]:
    """(best, model) of `best = model.state_dict()`, and of dictionaries of its tensors that copy none."""
    if isinstance(node, ast.For):
        yield from _loop(node, elsewhere)
    if not isinstance(node, ast.Assign):
        return
    value: ast.expr = node.value
    if isinstance(value, ast.Call) and called(value) in _SHALLOW:
        value = value.args[0] if value.args else value.func.value if isinstance(value.func, ast.Attribute) else value
    if isinstance(value, ast.DictComp | ast.GeneratorExp) and len(value.generators) == 1:
        kept = value.value if isinstance(value, ast.DictComp) else value.elt
        if isinstance(kept, ast.Tuple) and isinstance(value, ast.GeneratorExp):
            kept = kept.elts[-1]
        if not _copies_nothing(kept, value.generators[0].target, elsewhere):
            return
        value = value.generators[0].iter
    if (module := _module_of(value)) is not None:
        yield from ((target, module) for target in node.targets if isinstance(target, ast.Name | ast.Attribute))


def _loop(node: ast.For, elsewhere: bool) -> Iterator[tuple[ast.expr, str]]:
    """(best, model) of `for name, value in model.state_dict().items(): best[name] = value.detach()`."""
    module = _module_of(node.iter)
    for one in node.body if module is not None else ():
        if isinstance(one, ast.Assign) and _copies_nothing(one.value, node.target, elsewhere):
            for target in one.targets:
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name | ast.Attribute):
                    yield target.value, module or ""


def _filled(node: ast.AST, elsewhere: bool) -> Iterator[ast.expr]:
    """The places of a dictionary that such a loop fills."""
    if isinstance(node, ast.For) and any(_loop(node, elsewhere)):
        written = (one for one in node.body if isinstance(one, ast.Assign))
        yield from (target for one in written for target in one.targets)


def _copies_nothing(value: ast.expr, target: ast.expr, elsewhere: bool) -> bool:
    """What is kept is the loop's own last variable, or a view of it."""
    last = target.elts[-1] if isinstance(target, ast.Tuple) else target
    while isinstance(value, ast.Call | ast.Attribute):
        name = called(value) if isinstance(value, ast.Call) else value.attr
        to_cpu = name == "to" and isinstance(value, ast.Call) and [ast.unparse(one) for one in value.args] == ["'cpu'"]
        if (name not in _OF_TENSORS and not to_cpu) or (elsewhere and (name == "cpu" or to_cpu)):
            return False
        inner = value.func if isinstance(value, ast.Call) else value
        if not isinstance(inner, ast.Attribute) or (isinstance(value, ast.Call) and value.keywords):
            return False
        value = inner.value
    return isinstance(value, ast.Name) and ast.unparse(value) == ast.unparse(last)


def _module_of(value: ast.expr) -> str | None:
    """model of `model.state_dict()`, and of what it lists."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _OF_A_STATE:
        value = value.func.value
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or value.func.attr != "state_dict":
        return None
    module = ast.unparse(value.func.value)
    return None if any(word in last(module).lower() for word in _NO_WEIGHTS) else module


def _used(node: ast.AST) -> Iterator[tuple[ast.expr, ast.Call]]:
    """best of `model.load_state_dict(best)` and of `torch.save(best, path)`."""
    if isinstance(node, ast.Call) and called(node) in _USES:
        yield from ((name, node) for name in node.args[:1] if isinstance(name, ast.Name | ast.Attribute))


def _is_for(use: ast.Call, module: str) -> bool:
    """It is put back where it came from, or saved: another module may be loaded from it at once."""
    loads = isinstance(use.func, ast.Attribute) and use.func.attr == "load_state_dict"
    return not loads or last(ast.unparse(use.func.value)) == last(module)  # type: ignore[attr-defined]


def _changed(node: ast.AST) -> Iterator[str]:
    """Names of dictionaries that are written to, item by item or as a whole from a copy: they are another matter."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield last(ast.unparse(node.value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("update", "pop"):
        yield last(ast.unparse(node.func.value))
    elif isinstance(node, ast.Assign) and "copy" in ast.unparse(node.value):
        targets = (target for target in node.targets if isinstance(target, ast.Name | ast.Attribute))
        yield from (last(ast.unparse(target)) for target in targets if _copies_itself(target, node.value))


def _copies_itself(target: ast.expr, value: ast.expr) -> bool:
    """`best = deepcopy(best)`."""
    return any(ast.unparse(node) == ast.unparse(target) for node in ast.walk(value))
