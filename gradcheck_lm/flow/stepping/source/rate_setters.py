"""Lines that set a learning rate by hand, found in the program's text: an entry of a dictionary has no hook."""

from __future__ import annotations

import ast
import functools

from gradcheck_lm.flow.stepping.source.text import line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import Function, called, tree_of


@functools.cache
def rate_setter(file: str, ran: frozenset[int]) -> Place | None:
    """The first call of a function that writes `group["lr"] = ...`, or that line itself where it stands in none.

    Args:
        ran: the first lines of functions that ran.
    """
    tree = tree_of(file, '"lr"', "'lr'")
    bodies = reached(tree, ran)
    setters = _setters(tree)
    made = _made(tree)
    for function, body in bodies:
        for node in walk(body):
            if isinstance(node, ast.Call) and (name := called(node)) in setters and function not in setters:
                owner = node.func.value if isinstance(node.func, ast.Attribute) else None
                kind = "" if owner is None else made.get(_last(owner), "")
                if kind in setters[name] or (owner is None and "" in setters[name]):
                    return line_in(file, node, function)
    inline = (line_in(file, node, function) for function, body in bodies for node in walk(body) if _sets(node))
    return next(inline, None)


def _setters(tree: ast.Module) -> dict[str, set[str]]:
    """function -> the classes in which one of that name sets a rate; "" for a function of its own."""
    found: dict[str, set[str]] = {}
    methods = {
        id(one): kind.name for kind in ast.walk(tree) if isinstance(kind, ast.ClassDef) for one in kind.body
    }  # fmt: skip
    for one in ast.walk(tree):
        if isinstance(one, Function) and any(map(_sets, walk(one.body))):
            found.setdefault(one.name, set()).add(methods.get(id(one), ""))
    return found


def _made(tree: ast.Module) -> dict[str, str]:
    """scheduler -> Warmup, of `self.scheduler = Warmup(...)`."""
    return {
        _last(target): called(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name | ast.Attribute)
    }


def _sets(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _is_rate(node.slice)


def _is_rate(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == "lr"


def _last(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]
