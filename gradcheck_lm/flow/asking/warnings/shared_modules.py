"""One module in several places of a list or a dict, where several were meant: `[Layer()] * 2` makes one layer."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from types import FunctionType

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.watching.sites import Site, line_of, site_of
from gradcheck_lm.flow.watching.source import Function, tree_of
from gradcheck_lm.flow.watching.tape import Recording

_WRITTEN = {"multiplied": "[...] * n", "from_keys": "dict.fromkeys", "cells": "[...] * n"}
_LISTS = (torch.nn.ModuleList, torch.nn.ModuleDict)


def warn_of_shared_modules(evidence: Evidence, chain: Chain) -> None:
    """A warning for each list of one module, whose places are called side by side."""
    for site, attribute, count, kind, cause in _shared(evidence.recording):
        values = {"attribute": attribute, "count": str(count), "module": kind}
        draft = Draft("one_for_several", None, "likely", "warning", cause=cause, values=values, site=site)
        draft.op = _WRITTEN[cause]
        chain.put(draft, key=("one_for_several", *line_of(site)))


def may_share(recording: Recording) -> bool:
    """Whether there is such a list."""
    return any(True for _ in _shared(recording))


def _shared(recording: Recording) -> Iterator[tuple[Site, str, int, str, str]]:
    """(line, the list, how often, the class, the cause) of each module that ran from several places of a list."""
    for place, calls in recording.called.items():
        if len(calls) < 2 or calls[0].caller < 0:
            continue
        module, owner = recording.modules[place][0](), recording.modules[calls[0].caller][0]()
        if module is None or owner is None:
            continue
        for attribute, held in owner._modules.items():
            count = sum(one is module for one in held._modules.values()) if isinstance(held, _LISTS) else 0
            keeps = isinstance(module, torch.nn.RNNCellBase)  # a state for each place: what no depth that is shared has
            if count < 2 or not (made := _repeated(owner, attribute, named=keeps)):
                continue
            if keeps or not _in_turn(recording, place):
                cause = "cells" if keeps and made[1] == "multiplied" else made[1]
                yield made[0], attribute, count, recording.modules[place][1], cause


def _in_turn(recording: Recording, place: int) -> bool:
    """Whether what the module gave at one call leads into the next: the depth of a network that shares its layers."""
    starts = [call.at for call in recording.called[place]]
    own = {index for index in range(len(recording.calls)) if _is_inside(recording, index, place)}
    for start, end in itertools.pairwise(starts):
        reached: set[int] = set()
        for index in range(start, len(recording.calls)):
            call = recording.calls[index]
            inside = index in own
            if not reached.isdisjoint(call.inputs) or (inside and index < end):
                if inside and index >= end:
                    return True
                reached.update(call.outputs)
    return False


def _is_inside(recording: Recording, index: int, place: int) -> bool:
    return any(module == place for module, _ in recording.around(index))


def _repeated(owner: torch.nn.Module, attribute: str, *, named: bool) -> tuple[Site, str] | None:
    """The line of an owner's class on which `self.attribute` is made of one module several times, and by what.

    Args:
        named: whether a module that has a name counts too: else who names it says that it is to be shared.
    """
    for kind in type(owner).__mro__:
        functions = [value for value in vars(kind).values() if isinstance(value, FunctionType)]
        tree = tree_of(functions[0].__code__.co_filename, attribute) if functions else ast.Module([], [])
        for function in functions:
            first = function.__code__.co_firstlineno
            for node in ast.walk(tree):
                if isinstance(node, Function) and node.lineno == first and (made := _made(node, attribute, named)):
                    site = site_of(function.__code__, made[0])
                    return None if site is None else (site, made[1])
    return None


def _made(function: ast.AST, attribute: str, named: bool) -> tuple[ast.expr, str] | None:
    """Of the statement that fills an attribute, or of one that makes what goes into it."""
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    waiting = [one for one in assigned if any(_is_attribute(target, attribute) for target in one.targets)]
    while waiting:
        node = waiting.pop()
        assigned = [one for one in assigned if one is not node]
        for part in ast.walk(node.value):
            repeated, cause = _repeats(part)
            if repeated and all(isinstance(one, ast.Call) or (named and isinstance(one, ast.Name)) for one in repeated):
                assert isinstance(part, ast.expr)
                return part, cause
            if isinstance(part, ast.Name):
                waiting += [one for one in assigned if any(_is_name(target, part.id) for target in one.targets)]
    return None


def _repeats(part: ast.AST) -> tuple[list[ast.expr], str]:
    """What is put into several places: of `[Layer(...)] * n` and of `dict.fromkeys(names, Layer(...))`."""
    if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
        sides = [one.elts for one in (part.left, part.right) if isinstance(one, ast.List | ast.Tuple)]
        return (sides[0] if sides else []), "multiplied"
    if isinstance(part, ast.Call) and _is_attribute(part.func, "fromkeys"):
        return part.args[1:], "from_keys"
    return [], ""


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_attribute(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name
