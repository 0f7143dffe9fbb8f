"""Tensors that the user's functions were given and that were not read: by no operation, or not by the function."""

from __future__ import annotations

import ast
import dis
import re
from dataclasses import dataclass
from functools import cache
from types import CodeType

from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.source import functions_of

MASK = re.compile(r"mask|padding|(^|_)pad(_|$)")


@dataclass(frozen=True)
class Unread:
    """One argument that was a tensor."""

    code: CodeType
    name: str
    elsewhere: bool = False  # another function reads it: this one does not look at it


def unread_arguments(recorder: Recorder) -> tuple[Unread, ...]:
    """Those that no operation reads, and the masks that a function does not look at."""
    recording = recorder.recording
    read = {token for call in recording.calls for token in call.inputs}
    found = []
    for code, arguments in recording.arguments.of.items():
        for argument in arguments:
            tensor = argument.tensor()
            masks = MASK.search(argument.name) is not None
            unread = tensor is not None and recorder.token_of(tensor) not in read
            if unread or (masks and _only_dressed(code, argument.name)):
                found.append(Unread(code, argument.name))
            elif masks and not looks_at(code, argument.name):
                found.append(Unread(code, argument.name, elsewhere=True))
    return tuple(found)


@cache
def _only_dressed(code: CodeType, name: str) -> bool:
    """Whether a function only gives one of its arguments another form, as in mask = mask.bool(), and never reads it."""
    nodes = [node for function in functions_of(code)[:1] for node in ast.walk(function)]
    forms = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]
    ]
    asked = [node for node in nodes if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)]
    harmless = {id(node) for one in (*forms, *asked) for node in ast.walk(one)}
    read = [node for node in nodes if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)]
    return bool(forms) and bool(read) and all(id(node) in harmless for node in read)


@cache
def looks_at(code: CodeType, name: str) -> bool:
    """Whether a function looks at one of its arguments at all, or lets go of it on purpose."""
    if name in code.co_cellvars or "locals" in code.co_names:
        return True
    for one in dis.get_instructions(code):
        names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
        if name in names and ("LOAD" in one.opname or "DELETE" in one.opname):
            return True
    return False
