"""Statements that compute something and drop it at once: `Scale.apply(x)` by itself, or `scores.masked_fill(...)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.cuts.dropped_values import Body, scopes
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.operations.names import Operation, words
from gradcheck_lm.flow.watching.sites import Site, is_users, line_of, site_of
from gradcheck_lm.flow.watching.source import Function, called, stands_on
from gradcheck_lm.flow.watching.tape import IN_FUNCTION, Recording

# what gives its argument changed, and changes nothing in place; a norm or a mean by itself may be a look at a value
_CHANGES = words(
    """
    masked_fill masked_scatter clamp clamp_min clamp_max clip relu sigmoid tanh softmax log_softmax dropout mul div add
    sub scatter scatter_add index_fill index_copy index_add nan_to_num view reshape transpose permute unsqueeze squeeze
    flatten normalize where
    """
)
_FUNCTIONS = ("F", "functional", "torch")


@dataclass(frozen=True)
class Dropped:
    """A call that is a statement by itself."""

    node: ast.Call
    body: Body
    place: int  # of the statement in its body
    always: bool  # the body is a function's own: no branch


def warn_of_thrown_away(evidence: Evidence, chain: Chain) -> None:
    """A warning at each such statement beside what leads to the loss; where something is starved, the first error."""
    recording, leading = evidence.recording, evidence.ways.tokens
    severity = "error" if evidence.unreached or evidence.dead else "warning"
    on_the_way = {
        call.site.code
        for call in recording.calls
        if call.site is not None and any(token in leading for token in call.outputs)
    }
    for site, node, name, index in _thrown_away(recording):
        if index is None and site.code not in on_the_way:
            continue
        if index is not None and not any(token in leading for token in recording.calls[index].inputs):
            continue
        cause = "function_thrown_away" if index is None else "result_thrown_away"
        values = {"function": name, "mended": _mended(node)}
        draft = Draft("unread", index, "likely", severity, cause=cause, values=values, op=name, site=site)
        draft.ahead = True
        chain.put(draft, key=("thrown away", *line_of(site)))


def may_throw_away(recording: Recording) -> bool:
    """Whether there is such a statement."""
    return any(True for _ in _thrown_away(recording))


def _thrown_away(recording: Recording) -> Iterator[tuple[Site, ast.Call, str, int | None]]:
    """(where, the statement, its name, the recorded call): custom Functions, which have none, and torch's own."""
    for code in recording.arguments.of:
        if "apply" not in code.co_names or not is_users(code):
            continue
        for dropped in _statements(code):
            name = _function(dropped.node)
            if name is not None and _has_run(recording, code, dropped) and (site := site_of(code, dropped.node)):
                yield site, dropped.node, f"autograd.{name}", None
    read = None
    for index, call in enumerate(recording.calls):
        site = call.site
        if call.operation.name not in _CHANGES or not call.live or site is None or site.library_code is not None:
            continue
        if not call.outputs or not is_users(site.code):
            continue
        read = {token for one in recording.calls for token in one.inputs} if read is None else read
        if not read.isdisjoint(call.outputs):
            continue
        line = line_of(site)[1]
        for dropped in _statements(site.code):
            if stands_on(dropped.node, line) and _is_operation(dropped.node, call.operation):
                yield site, dropped.node, call.operation.title, index


@cache
def _statements(code: CodeType) -> tuple[Dropped, ...]:
    """The calls in a function's text that are statements by themselves, those of functions inside it left out."""
    found: list[Dropped] = []
    waiting: list[tuple[ast.AST, bool]] = [(scope, True) for scope in scopes(code)]
    while waiting:
        node, own = waiting.pop()
        for part in ("body", "orelse", "finalbody", "handlers"):
            given = getattr(node, part, None)
            body: list[ast.stmt] = given if isinstance(given, list) else []  # of a lambda an expression
            for place, statement in enumerate(body):
                shown = isinstance(node, ast.Module) and statement is node.body[-1]  # at the end of a notebook's cell
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and not shown:
                    found.append(Dropped(statement.value, body, place, own))
                elif not isinstance(statement, Function | ast.ClassDef):
                    waiting.append((statement, own and isinstance(statement, ast.With | ast.AsyncWith)))
    return tuple(found)


def _function(node: ast.Call) -> str | None:
    """The name of the custom Function that is applied."""
    if called(node) != "apply" or not isinstance(node.func, ast.Attribute):
        return None
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    waiting: list[type] = [torch.autograd.Function]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ == name:
            return name
        waiting += kind.__subclasses__()
    return None


def _has_run(recording: Recording, code: CodeType, dropped: Dropped) -> bool:
    """Whether the statement was come to: no branch is before it, or what it is given was computed just before it."""
    line = dropped.node.lineno
    if dropped.always and not any(isinstance(one, ast.Return) for one in dropped.body[: dropped.place]):
        return True
    given = {one.id for one in ast.walk(dropped.node) if isinstance(one, ast.Name)}
    lines, names = set[int](), set[str]()
    for statement in dropped.body[: dropped.place]:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if given & {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}:
            lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
            names.update(called(one) for one in ast.walk(statement) if isinstance(one, ast.Call))
    for call in recording.calls:
        applied = call.function_site if call.scope == IN_FUNCTION else None
        if applied is not None and applied.code is code and line_of(applied)[1] == line:
            return True
        if call.site is None or not call.live:
            continue
        if call.site.code.co_name in names or (call.site.code is code and line_of(call.site)[1] in lines):
            return True
    return False


def _is_operation(node: ast.Call, operation: Operation) -> bool:
    """Whether it is called itself, as x.relu() or F.relu(x): a module of that name may be warmed up."""
    if called(node) != operation.name or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    return operation.title.startswith("torch.Tensor.") or (isinstance(owner, ast.Name) and owner.id in _FUNCTIONS)


def _mended(node: ast.Call) -> str:
    """`x = x.relu()` of x.relu(), `x = F.relu(x)` of F.relu(x)."""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    given = (isinstance(owner, ast.Name) and owner.id in _FUNCTIONS) or called(node) == "apply"
    value = node.args[0] if given and node.args else owner
    name = ast.unparse(value) if isinstance(value, ast.Name | ast.Attribute) else "result"
    return f"{name} = {ast.unparse(node)}"
