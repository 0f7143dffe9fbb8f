"""Weights that a program lays aside to run others in their place, and never takes back: told by its text."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import Function, called, function_at, tree_of

_LOOPS = ast.For | ast.While
_DEEPEST = 4  # functions that call functions


@dataclass(frozen=True)
class LaidAside:
    """A line of the training that puts other weights in the place of those that are trained."""

    place: Place
    writes: str  # as it is called
    puts_back: str  # the method that nothing calls


@functools.cache
def never_put_back(file: str, ran: frozenset[int]) -> tuple[LaidAside, ...]:
    """Calls in the training's loop, in what ran of a file or is called from there.

    Args:
        ran: the first lines of functions that ran.
    """
    tree = tree_of(file, "restore", "put_back", "recover", "undo")
    bodies = reached(tree, ran)
    calls = [node for _, body in bodies for node in walk(body) if isinstance(node, ast.Call)]
    names = {called(call) for call in calls}
    mentioned = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = []
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        methods = {one.name: one for one in kind.body if isinstance(one, Function)}
        pairs = [(keeps, back) for keeps in methods for back in methods if _is_pair(methods[keeps], methods[back])]
        inside = {id(node) for node in ast.walk(kind)}
        for keeps, back in pairs:
            if keeps not in names or back in mentioned or _names_are_computed(tree):
                continue
            writers = [name for name, method in methods.items() if name != back and _writes(method)]
            call = next((one for name in (*writers, keeps) for one in calls if called(one) == name), None)
            if call is not None and id(call) not in inside and _is_trained_around(tree, call):
                place = line_in(file, call, function_at(tree, call.lineno))
                found.append(LaidAside(place, ast.unparse(call.func), back))
    return tuple(found)


def _names_are_computed(tree: ast.AST) -> bool:
    """Whether methods may be called by names that do not stand in the text."""
    return any(isinstance(node, ast.Call) and called(node) == "getattr" for node in ast.walk(tree))


def _is_pair(keeps: ast.AST, back: ast.AST) -> bool:
    """Whether one method keeps clones in an attribute, and the other writes what lies there into tensors."""
    stored: set[str] = set()
    for node in (one for one in ast.walk(keeps) if isinstance(one, ast.Assign)):
        if _is_data(node.value) or any(word in ast.unparse(node.value) for word in (".clone(", "deepcopy(")):
            stored |= {name for target in node.targets for name in _attributes(target)}
    return keeps is not back and _writes(back) and _gives_up(back, stored)


def _gives_up(method: ast.AST, stored: set[str]) -> bool:
    """Whether it reads what was kept and lets go of it: it is for once, and not the average itself."""
    for node in ast.walk(method):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Dict | ast.List):
            empty = isinstance(node.value, ast.Constant) and node.value.value is None
            empty = empty or not getattr(node.value, "elts", getattr(node.value, "keys", [1]))
            if empty and any(stored & set(_attributes(target)) for target in node.targets):
                return True
    return False


def _writes(method: ast.AST) -> bool:
    """Whether a method copies something into tensors that it is given, or puts it in the place of their `.data`."""
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and called(node) in ("copy_", "load_state_dict"):
            return True
        if isinstance(node, ast.Assign) and any(_is_data(target) for target in node.targets):
            return True
    return False


def _is_data(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "data"


def _attributes(target: ast.AST) -> Iterator[str]:
    """`kept` of `self.kept` and of `self.kept[name]`."""
    node = target.value if isinstance(target, ast.Subscript) else target
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.attr


def _is_trained_around(tree: ast.Module, call: ast.Call) -> bool:
    """Whether a loop with a backward() runs the call: it stands in there, or in a function that is called there."""
    loops = [node for node in ast.walk(tree) if isinstance(node, _LOOPS) and _trains(node)]
    wanted: list[ast.AST] = [call]
    for _ in range(_DEEPEST):
        inside = {id(node) for loop in loops for node in ast.walk(loop)}
        if any(id(node) in inside for node in wanted):
            return True
        around = {
            one.name for one in ast.walk(tree) if isinstance(one, Function)
            for node in wanted if any(node is inner for inner in ast.walk(one))
        }  # fmt: skip
        wanted = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) in around]
    return False


def _trains(loop: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in ast.walk(loop))
