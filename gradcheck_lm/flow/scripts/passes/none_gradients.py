"""An error of Python's about None that was a .grad: whose gradient it was, and why there is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Clearing
from gradcheck_lm.flow.stepping.watcher import Watcher
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import Site, is_users
from gradcheck_lm.flow.watching.source import Function, function_around, stands_on, tree_of, value_of

KIND = "grad_is_none"
_ERRORS = (AttributeError, TypeError)
_LISTS = ("parameters", "named_parameters")
_COMPREHENSIONS = ast.ListComp | ast.GeneratorExp | ast.SetComp


@dataclass
class Read:
    """A .grad that was read where there is none."""

    tensor: torch.Tensor
    name: str  # as the program writes the tensor
    site: Site


def is_about_none(error: BaseException) -> bool:
    """Whether an error may come of a gradient that is None."""
    return isinstance(error, _ERRORS) and "NoneType" in str(error)


def read_without_gradient(error: BaseException) -> Read | None:
    """The tensor whose .grad is read by the line of the program that an error came through last, and is None.

    Nothing of the program's is run: names, attributes and entries of dicts are looked up, and loops are not repeated.
    """
    frames = [(frame, trace) for trace in _traces(error) if is_users((frame := trace.tb_frame).f_code)]
    if not frames:
        return None
    frame, trace = frames[-1]
    tree = tree_of(frame.f_code.co_filename, ".grad")
    statements = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and stands_on(one, trace.tb_lineno)]
    if not statements:
        return None
    statement = min(statements, key=lambda one: (one.end_lineno or one.lineno) - one.lineno)
    read: list[ast.AST] = [statement]
    function = function_around(tree, trace.tb_lineno)
    names = {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    read += [one for one in ast.walk(function or tree) if _binds(one, names, trace.tb_lineno)]
    for node in read:
        for owner in _owners(node, statement):
            tensor = _tensor(owner, node, frame)
            if tensor is not None:
                return Read(tensor, ast.unparse(owner), Site(frame.f_code, trace.tb_lasti, None, 0))
    return None


def why_none(read: Read, recorder: Recorder, watcher: Watcher | None) -> Draft:
    """The finding on such a gradient: what it waits for, who took it away, or that there never will be one."""
    tensor, cause, site = read.tensor, "", read.site
    values = {"name": read.name, "line": ""}
    if not tensor.requires_grad:
        cause = "asks_for_none"
    elif not tensor.is_leaf:
        token = recorder.token_of(tensor)
        producer = -1 if token is None else recorder.recording.tokens[token].producer
        made = recorder.recording.calls[producer].site if producer >= 0 else None
        cause = "computed"
        site = made if made is not None and is_users(made.code) else site
        values["line"] = where(read.site)
    elif watcher is not None:
        cause, place = _history(tensor, watcher)
        values["line"] = where(watcher.log.sites[place]) if place >= 0 else ""
        cause = cause if place >= 0 or cause == "before_backward" else ""
    return Draft(KIND, None, "certain", site=site, op="Tensor.grad", cause=cause, values=values)


def _history(tensor: torch.Tensor, watcher: Watcher) -> tuple[str, int]:
    """Why a leaf has no gradient, and the place of whoever took it away or passed it by."""
    account = watcher.log.accounts.known(tensor)
    passes = [one for one in watcher.log.events if isinstance(one, Backward) and one.accumulates]
    if not passes:
        return "before_backward", -1
    if account is None:
        return "not_reached", passes[-1].place
    given = max((one.time for one in passes if account.index in one.given), default=None)
    taken = [one for one in watcher.log.events if isinstance(one, Clearing) and account.index in one.erased]
    if given is not None and taken and taken[-1].time > given:
        return "cleared", taken[-1].place
    return "not_reached", passes[-1].place


def _traces(error: BaseException) -> Iterator[Any]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _binds(node: ast.AST, names: set[str], line: int) -> bool:
    """Whether a statement before a line gives one of these names a value that it reads off a .grad."""
    if isinstance(node, ast.Assign):
        targets: list[ast.expr] = node.targets
    elif isinstance(node, ast.For):
        targets = [node.target]
    else:
        return False
    bound = {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    source = node.value if isinstance(node, ast.Assign) else node.iter
    return node.lineno <= line and bool(bound & names) and any(_is_grad(one) for one in ast.walk(source))


def _is_grad(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "grad" and isinstance(node.ctx, ast.Load)


def _owners(node: ast.AST, statement: ast.stmt) -> Iterator[ast.expr]:
    """Whose .grad is read: of a compound statement its head alone, of a function nothing inside it."""
    parts: list[ast.AST] = [node]
    if isinstance(node, ast.For):
        parts = [node.iter]
    elif isinstance(node, ast.While | ast.If):
        parts = [node.test]
    elif isinstance(node, Function | ast.ClassDef):
        parts = []
    for part in parts:
        for one in ast.walk(part):
            if isinstance(one, ast.Attribute) and _is_grad(one):
                yield one.value


def _tensor(owner: ast.expr, around: ast.AST, frame: FrameType) -> torch.Tensor | None:
    """The tensor without a gradient that an expression stands for; of one that a comprehension names, the first."""
    variables: Mapping[str, Any] = {**frame.f_globals, **frame.f_locals}
    found = [value_of(owner, variables)]
    if found == [None] and isinstance(owner, ast.Name):
        found = list(_gone_through(owner.id, around, variables))
    return next((one for one in found if isinstance(one, torch.Tensor) and _has_none(one)), None)


def _gone_through(name: str, around: ast.AST, variables: Mapping[str, Any]) -> Iterator[Any]:
    """What a comprehension gives a name: entries of a list, or a module's parameters."""
    for one in ast.walk(around):
        for loop in one.generators if isinstance(one, _COMPREHENSIONS) else ():
            names = [part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)]
            if name not in names:
                continue
            source = loop.iter
            if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr in _LISTS:
                module = value_of(source.func.value, variables)
                yield from module.parameters() if isinstance(module, torch.nn.Module) else ()
            else:
                entries = value_of(source, variables)
                yield from entries if isinstance(entries, list | tuple) else ()


def _has_none(tensor: torch.Tensor) -> bool:
    with torch._C.DisableTorchFunction():
        return (not tensor.is_leaf and not tensor.retains_grad) or tensor.grad is None
