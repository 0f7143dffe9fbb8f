"""Lines that are to unfreeze parameters later on and will not: found in the text, for their turn may come after the
watch."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from gradcheck_lm.flow.stepping.source.text import line_in, reached, walk
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import tree_of

_GIVES_PARAMETERS = ("parameters", "named_parameters")


@functools.cache
def misspelt_thaws(file: str, ran: frozenset[int], spelt: tuple[str, ...]) -> tuple[tuple[Place, str, str], ...]:
    """(place, attribute, whose) of each `parameter.require_grad = True` in what ran of a file or is called from there.

    Args:
        ran: the first lines of functions that ran.
        spelt: names of attributes that somebody meant requires_grad by.
    """
    found = []
    for function, statements in reached(tree_of(file, *spelt), ran) if spelt else ():
        nodes = list(walk(statements))
        parameters = {name for node in nodes for name in _parameters(node)}
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is True:
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr in spelt:
                        owner = target.value
                        if isinstance(owner, ast.Name) and owner.id in parameters:
                            found.append((line_in(file, node, function), target.attr, owner.id))
    return tuple(found)


def attributes(file: str) -> set[str]:
    """All names of attributes that a file sets."""
    return {
        node.attr
        for node in ast.walk(tree_of(file, "grad"))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


def _parameters(node: ast.AST) -> Iterator[str]:
    """`p` of `for p in model.parameters()`, and of `for name, p in model.named_parameters()`."""
    if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call):
        return
    given = node.iter.func
    last = node.target.elts[-1] if isinstance(node.target, ast.Tuple) else node.target
    if isinstance(given, ast.Attribute) and given.attr in _GIVES_PARAMETERS and isinstance(last, ast.Name):
        yield last.id
