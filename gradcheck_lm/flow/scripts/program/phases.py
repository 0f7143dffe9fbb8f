"""Trainings that a script has still before it, by its text: optimizers that it will make, and loops that come after."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import torch

from gradcheck_lm.flow.watching.source import Function, called, stands_on, tree_of, value_of

_CHOICES = ast.If | ast.IfExp | ast.Match | ast.Try  # of their parts one runs
_LOOPS = ast.For | ast.AsyncFor | ast.While
_DEEPEST = 4  # functions that call functions that train


def where(file: str, lines: Sequence[int]) -> tuple[int, ...]:
    """The training that runs: for each line of a script that is being run the loop, or statement, around it."""
    tree = tree_of(file, "backward")
    return tuple(_outermost(scope, line).lineno for line in lines for scope in _scope(tree, line))


def is_training_to_come(file: str, lines: Sequence[int]) -> bool:
    """Whether a backward() stands behind the loop that runs, or a call of a function with one.

    Args:
        lines: those of the script that are being run, one of each function that led here.
    """
    tree = tree_of(file, "backward")
    trainers = _trainers(tree)
    for line in lines:
        for scope in _scope(tree, line):
            end = _outermost(scope, line).end_lineno or line
            others = _other_branches(scope, line)
            for node in _own(scope):
                if (
                    isinstance(node, ast.Call)
                    and node.lineno > end
                    and id(node) not in others
                    and _trains(node, trainers)
                ):
                    return True
    return False


def is_optimizer_to_come(file: str, made: Collection[int], variables: Mapping[str, Any]) -> bool:
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


# ---------------------------------------------------------------------- loops


def _scope(tree: ast.Module, line: int) -> list[ast.AST]:
    """The innermost function around a line, or the module."""
    around = [node for node in ast.walk(tree) if isinstance(node, Function) and stands_on(node, line)]
    return [max(around, key=lambda node: node.lineno)] if around else [tree]


def _outermost(scope: Any, line: int) -> Any:
    """The outermost loop around a line in a function, or in the module; where there is none, the statement."""
    around = sorted(
        (node for node in _own(scope) if isinstance(node, ast.stmt) and stands_on(node, line)),
        key=lambda node: node.lineno,
    )
    loops = [node for node in around if isinstance(node, _LOOPS)]
    return next(iter(loops or around[::-1]), ast.Pass(lineno=line, end_lineno=line))


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, or in the module, and in no function in it."""
    nodes = list(ast.iter_child_nodes(scope))
    while nodes:
        node = nodes.pop()
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            yield node
            nodes += ast.iter_child_nodes(node)


def _other_branches(scope: ast.AST, line: int) -> set[int]:
    """What does not run because an `if` went the way of this line."""
    found: set[int] = set()
    for node in _own(scope):
        if isinstance(node, ast.If) and any(stands_on(one, line) for one in node.body):
            found |= {id(inner) for one in node.orelse for inner in ast.walk(one)}
    return found


def _trainers(tree: ast.Module) -> set[str]:
    """Functions and methods that call backward(), themselves or by another one."""
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    found: set[str] = set()
    for _ in range(_DEEPEST):
        found |= {
            one.name
            for one in functions
            if any(isinstance(node, ast.Call) and _trains(node, found) for node in ast.walk(one))
        }
    return found


def _trains(node: ast.Call, trainers: set[str]) -> bool:
    return called(node) == "backward" or called(node) in trainers


# ---------------------------------------------------------------------- optimizers


def _is_optimizer(function: ast.expr, variables: Mapping[str, Any]) -> bool:
    """Whether `torch.optim.SGD`, as the script writes it, is an optimizer."""
    value = value_of(function, variables)
    return isinstance(value, type) and issubclass(value, torch.optim.Optimizer)


def _ran(node: ast.Call, made: Collection[int]) -> bool:
    return any(stands_on(node, line) for line in made)


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
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == function.name
            and id(node) not in own
        }
        lines = Counter(line for line in made if stands_on(function, line))
        if lines and len(calls) > max(lines.values()):
            return True
    return False
