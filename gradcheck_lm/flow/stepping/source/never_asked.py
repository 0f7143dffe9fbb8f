"""A target network that is kept in step with another and never asked anything: told by a program's text."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck_lm.flow.stepping.source.text import last, line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import DISCOUNT, called, function_around, tree_of

_TARGET = re.compile(r"target|tgt", re.IGNORECASE)
_KEEPS = re.compile(r"update|sync|copy|polyak|track", re.IGNORECASE)
_LISTS = ("parameters", "named_parameters", "state_dict", "buffers", "named_buffers", "values", "items")
# what is done with a network that asks it nothing
_SETTINGS = (
    *_LISTS, "load_state_dict", "eval", "train", "to", "cuda", "cpu", "float", "double", "requires_grad_", "modules",
    "apply", "children",
)  # fmt: skip
_LATER = re.compile(r"next|post|prime|new|after|s_?2$|s_$|^ns$|_p$|tp1", re.IGNORECASE)


@dataclass(frozen=True)
class NeverAsked:
    """Where the network is asked that the target follows, or else where the target is kept in step."""

    place: Place
    target: str
    source: str
    line: int  # on which it is kept in step


@functools.cache
def never_asked(file: str, ran: frozenset[int]) -> tuple[NeverAsked, ...]:
    """Networks called a target that are written from another network in what ran of a file, and used by nothing.

    Args:
        ran: the first lines of functions that ran.
    """
    tree = tree_of(file, "load_state_dict", "zip")
    bodies = reached(tree, ran)
    nodes = [(function, node) for function, body in bodies for node in walk(body)]
    calls = [node for _, node in nodes if isinstance(node, ast.Call)]
    found: dict[str, NeverAsked] = {}
    for function, node in nodes:
        for target, source in (pair for kept in _kept_in_step(node) for pair in _as_called(tree, calls, node, kept)):
            name = last(target)
            if name in found or not _TARGET.search(name) or _TARGET.search(last(source)) or _is_used(tree, name):
                continue
            asked = _bootstraps(bodies, last(source))
            where = line_in(file, node, function) if asked is None else line_in(file, asked[1], asked[0])
            found[name] = NeverAsked(where, target, source, node.lineno)  # type: ignore[attr-defined]
    return tuple(found.values())


def _kept_in_step(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(target, source) of `target.load_state_dict(source.state_dict())`, and of a loop over both one's parameters."""
    if not isinstance(node, ast.Call):
        return
    if called(node) == "load_state_dict" and isinstance(node.func, ast.Attribute) and node.args:
        sources = [owner for one in ast.walk(node.args[0]) if (owner := _owner(one))]
        if len(set(sources)) == 1:
            yield ast.unparse(node.func.value), sources[0]
    elif called(node) == "zip" and len(node.args) == 2:
        one, other = map(_owner, node.args)
        if one and other:
            yield (one, other) if _TARGET.search(last(one)) else (other, one)


def _as_called(
    tree: ast.Module, calls: list[ast.Call], node: ast.AST, kept: tuple[str, str]
) -> Iterator[tuple[str, str]]:
    """The networks by the names that the callers of a function have for what it calls its arguments."""
    around = function_around(tree, node.lineno)  # type: ignore[attr-defined]
    arguments = [] if around is None else [one.arg for one in around.args.args if one.arg != "self"]
    places = [arguments.index(name) if name in arguments else None for name in kept]
    if places == [None, None]:
        yield kept
        return
    assert around is not None
    for call in calls:
        if called(call) != around.name or any(place is not None and place >= len(call.args) for place in places):
            continue
        one, other = (
            name if place is None else ast.unparse(call.args[place]) for name, place in zip(kept, places, strict=True)
        )
        yield one, other


def _owner(node: ast.AST) -> str:
    """`net` of `net.parameters()`."""
    giver = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and called(node) in _LISTS
    return ast.unparse(node.func.value) if giver else ""  # type: ignore[attr-defined]


def _is_used(tree: ast.Module, name: str) -> bool:
    """Whether something else is done with a network than to build it, to set it up and to keep it in step."""
    harmless: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _SETTINGS:
            harmless.add(id(node.value))
        elif isinstance(node, ast.Call) and _KEEPS.search(called(node)):
            harmless.update(map(id, node.args))
    return any(
        isinstance(node, ast.Name | ast.Attribute)
        and last(ast.unparse(node)) == name
        and isinstance(node.ctx, ast.Load)
        and id(node) not in harmless
        for node in ast.walk(tree)
    )


def _bootstraps(bodies: list[tuple[str, list[ast.stmt]]], source: str) -> tuple[str, ast.stmt] | None:
    """The statement that asks the source for the value of what comes next, where something is discounted."""
    found = []
    for function, body in bodies:
        statements = [node for node in walk(body) if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)]
        if not any(DISCOUNT.search(ast.unparse(one)) for one in statements):
            continue
        for one in statements:
            for call in (node for node in ast.walk(one) if isinstance(node, ast.Call)):
                arguments = [name for given in call.args for name in _names(given)]
                if called(call) == source and any(map(_LATER.search, arguments)):
                    found.append((function, one))
    return found[0] if found else None


def _names(node: ast.AST) -> list[str]:
    return [last(ast.unparse(one)) for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)]
