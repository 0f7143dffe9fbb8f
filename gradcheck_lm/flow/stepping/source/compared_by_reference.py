"""Weights that are kept to be compared with later ones, and are those later ones: told by a program's text."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import called, tree_of

_GIVERS = ("parameters", "named_parameters", "state_dict", "buffers", "named_buffers")
_COLLECTIONS = ("list", "tuple", "dict", "OrderedDict", "next", "items", "values")
_VIEWS = ("data", "detach", "numpy", "cpu", "float", "view", "flatten", "reshape", "ravel", "T")  # the same memory
_COMPARING = ("equal", "allclose", "isclose", "array_equal", "dist", "eq", "ne", "sub", "subtract", "mse_loss")
_TENSORS = ("weight", "bias")
_EARLIER = re.compile(r"before|old|prev|init|start|orig|snapshot|saved|first|global|anchor|server", re.IGNORECASE)
_TRAINS = ("step", "train", "fit", "train_step", "training_step", "update")


@dataclass(frozen=True)
class Compared:
    """A line that keeps weights without copying them, and the line that takes them for weights of another moment."""

    place: Place
    name: str
    module: str
    line: int


@functools.cache
def compared_by_reference(file: str, ran: frozenset[int]) -> tuple[Compared, ...]:
    """Lines such as `before = list(model.parameters())`, where a later line compares `before` with model's weights.

    Args:
        ran: the first lines of functions that ran.
    """
    found: dict[Place, Compared] = {}
    for function, body in reached(tree_of(file, *_GIVERS, *_TENSORS), ran):
        nodes = list(walk(body))
        kept = _kept(nodes)
        if not kept:
            continue
        trained = [node.lineno for node in nodes if isinstance(node, ast.Call) and called(node) in _TRAINS]
        for node, name, owner in _comparisons(nodes, kept):
            statement = kept[name][1]
            between = any(statement.lineno < line < node.lineno for line in trained)
            if between or _EARLIER.search(name):
                place = line_in(file, statement, function)
                found.setdefault(place, Compared(place, name, owner, node.lineno))
    return tuple(found.values())


Kept = dict[str, tuple[str, ast.stmt]]


def _kept(nodes: list[ast.AST]) -> Kept:
    """Names that are given a module's weights themselves -> (the module's or tensor's text, the statement)."""
    found: Kept = {}
    several: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if isinstance(node.value, ast.Constant):
                continue
            name, owner = node.targets[0].id, _owner(node.value, {})
            if name in found or owner is None:
                several.add(name)
            else:
                found[name] = owner, node
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            several.add(ast.unparse(node.value))
    return {name: one for name, one in found.items() if name not in several}


def _comparisons(nodes: list[ast.AST], kept: Kept) -> Iterator[tuple[ast.expr, str, str]]:
    """(what compares, the name that is kept, whose weights both sides are)."""
    drawn = {variable: owner for node in nodes for variable, owner in _drawn(node, kept)}
    for node in nodes:
        for left, right in _sides(node):
            names = {_name(side) for side in (left, right)} & set(kept)
            owners = {_owner(side, kept) or drawn.get(_name(side)) for side in (left, right)}
            if names and len(owners) == 1 and None not in owners and _name(left) != _name(right):
                assert isinstance(node, ast.expr)
                yield node, names.pop(), owners.pop() or ""
        yield from _zipped(node, nodes, kept)


def _zipped(node: ast.AST, nodes: list[ast.AST], kept: Kept) -> Iterator[tuple[ast.expr, str, str]]:
    """Two lists that are gone through together, where their items are compared."""
    if not (isinstance(node, ast.Call) and called(node) == "zip" and len(node.args) == 2):
        return
    names = {_name(side) for side in node.args} & set(kept)
    owners = {_owner(side, kept) for side in node.args}
    if not names or len(owners) != 1 or None in owners:
        return
    name, owner = names.pop(), owners.pop() or ""
    for around in nodes:
        pairs = _pair(around, node)
        inside = [one for one in ast.walk(around) for sides in _sides(one) if {_name(side) for side in sides} == pairs]
        if pairs and inside:
            assert isinstance(inside[0], ast.expr)
            yield inside[0], name, owner
            return


def _pair(around: ast.AST, zipped: ast.Call) -> set[str]:
    """The two variables of a loop, or of a comprehension, over some zip."""
    loops = [around] if isinstance(around, ast.For) else getattr(around, "generators", [])
    for loop in loops:
        if loop.iter is zipped and isinstance(loop.target, ast.Tuple):
            return {name for target in loop.target.elts for name in _last_names(target)}
    return set()


def _last_names(target: ast.expr) -> list[str]:
    """`p` of `p`, and of `(name, p)` as named_parameters() gives it."""
    if isinstance(target, ast.Tuple):
        return _last_names(target.elts[-1])
    return [target.id] if isinstance(target, ast.Name) else []


def _drawn(node: ast.AST, kept: Kept) -> Iterator[tuple[str, str]]:
    """(variable, whose weights) of `for name, p in model.named_parameters()`."""
    if isinstance(node, ast.For | ast.comprehension):
        owner = _owner(node.iter, kept)
        if owner is not None:
            yield from ((name, owner) for name in _last_names(node.target))


def _sides(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        yield node.left, node.right
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        yield node.left, node.comparators[0]
    elif isinstance(node, ast.Call) and called(node) in _COMPARING:
        sides = [*node.args]
        if isinstance(node.func, ast.Attribute) and len(sides) == 1:
            sides.insert(0, node.func.value)
        if len(sides) >= 2:
            yield sides[0], sides[1]


def _name(node: ast.expr) -> str:
    """`before` of `before`, `before[k]` and `before.data`."""
    while True:
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in _VIEWS):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS:
            node = node.func.value
        else:
            return node.id if isinstance(node, ast.Name) else ""


def _owner(node: ast.expr, kept: Kept) -> str | None:
    """Whose weights an expression stands for, without a copy; None where it stands for something else."""
    if isinstance(node, ast.Name):
        return kept[node.id][0] if node.id in kept else None
    if isinstance(node, ast.Subscript):
        return _owner(node.value, kept)
    if isinstance(node, ast.ListComp | ast.DictComp | ast.GeneratorExp):
        element = node.value if isinstance(node, ast.DictComp) else node.elt
        drawn = _last_names(node.generators[0].target)
        return _owner(node.generators[0].iter, kept) if len(node.generators) == 1 and _name(element) in drawn else None
    if isinstance(node, ast.Attribute):
        if node.attr in _TENSORS:
            return ast.unparse(node)
        return _owner(node.value, kept) if node.attr in _VIEWS else None
    if isinstance(node, ast.Call):
        name = called(node)
        if isinstance(node.func, ast.Attribute) and name in _GIVERS:
            return ast.unparse(node.func.value)
        if isinstance(node.func, ast.Attribute) and name in (*_VIEWS, "items", "values"):
            return _owner(node.func.value, kept)
        if name in _COLLECTIONS and len(node.args) == 1:
            return _owner(node.args[0], kept)
    return None
