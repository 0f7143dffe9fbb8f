"""Trainings that a script has still before it, by its text: optimizers that it will make and has not made yet."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import torch

from gradcheck_lm.flow.watching.source import Function, tree_of

_CHOICES = ast.If | ast.IfExp | ast.Match | ast.Try  # of their parts one runs


def is_one_to_come(file: str, made: Collection[int], variables: Mapping[str, Any]) -> bool:
    """Whether a script makes an optimizer on a line that has not run, or calls what makes one more often than it has.

    Of the parts of an `if`, and of the endings of one function, only one is waited for.

    Args:
        file: the script's.
        made: the line of each optimizer that was made so far.
        variables: the script's own, by which its words are understood.
    """
    tree = tree_of(file, "optim")
    makers = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_optimizer(node.func, variables)]
    left = {id(node) for node in makers if not _ran(node, made)}
    for choice in ast.walk(tree):
        if isinstance(choice, _CHOICES) or _ends_with_one_of(choice, makers):
            inside = {id(node) for node in ast.walk(choice)}
            if any(id(node) in inside for node in makers if _ran(node, made)):
                left -= inside
    return bool(left & _mentioned(tree)) or _is_called_again(tree, made)


def _is_optimizer(function: ast.expr, variables: Mapping[str, Any]) -> bool:
    """Whether `torch.optim.SGD`, as the script writes it, is an optimizer; nothing of the script's is run."""
    names = ast.unparse(function).split(".")
    value = variables.get(names[0])
    for name in names[1:]:
        value = getattr(value, "__dict__", {}).get(name)
    return isinstance(value, type) and issubclass(value, torch.optim.Optimizer)


def _ran(node: ast.Call, made: Collection[int]) -> bool:
    return any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in made)


def _ends_with_one_of(node: ast.AST, makers: list[ast.Call]) -> bool:
    """A function that returns one of several optimizers."""
    if not isinstance(node, Function):
        return False
    endings = {id(inner) for one in ast.walk(node) if isinstance(one, ast.Return) for inner in ast.walk(one)}
    return any(id(maker) in endings for maker in makers)


def _mentioned(tree: ast.Module) -> set[int]:
    """All nodes but those of functions and classes whose names stand nowhere else."""
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    found = {id(node) for node in nodes}
    for node in nodes:
        if isinstance(node, Function) and node.name not in names and not node.name.startswith("__"):
            found -= {id(inner) for inner in ast.walk(node)}
    return found


def _is_called_again(tree: ast.Module, made: Collection[int]) -> bool:
    """A function in which optimizers were made is called on more lines than it was called."""
    for function in tree.body:
        if not isinstance(function, Function):
            continue
        own = {id(node) for node in ast.walk(function)}
        calls = {
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and _called(node) == function.name and id(node) not in own
        }
        lines = Counter(line for line in made if function.lineno <= line <= (function.end_lineno or 0))
        if lines and len(calls) > max(lines.values()):
            return True
    return False


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""
