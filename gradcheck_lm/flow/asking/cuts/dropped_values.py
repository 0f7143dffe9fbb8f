"""What a program does with a value of which nothing reaches the loss, by its text: writes over its name, or takes it
out of torch and goes on with the number."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType
from typing import Any

from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.tracing.graph import Cut
from gradcheck_lm.flow.watching.sites import Site, line_of, site_at
from gradcheck_lm.flow.watching.source import functions_of, stands_on, tree_of

Body = list[ast.stmt]


def written_over(evidence: Evidence, index: int) -> Site | None:
    """The line that gives the name of a call's result another value, one that leads to the loss, before it is used."""
    call = evidence.recording.calls[index]
    if call.site is None or call.site.library_code is not None:
        return None
    code, line = call.site.code, line_of(call.site)[1]
    for body, place in _around(code, line):
        name = _name(body[place])
        if name is None:
            continue
        for later in body[place + 1 :]:
            if _name(later) == name:
                same = name in _read(later) or not _leads(evidence, code, later)
                return None if same else site_at(code, later.lineno)
    return None


def taken_out(evidence: Evidence, index: int) -> Cut | None:
    """The call that takes a call's result out of the graph, where its name stands for a number from there on.

    A number that is only shown or kept is none of the loss; one that is calculated with was meant to be.
    """
    recording = evidence.recording
    results = set(recording.calls[index].outputs)
    for place in range(index + 1, len(recording.calls)):
        call = recording.calls[place]
        source = next((token for token in call.inputs if token in results), None)
        if source is None or call.site is None or call.site.library_code is not None:
            continue
        kinds = [kind for target in (*call.outputs, None) for kind in evidence.flow.cuts(place, source, target)]
        if kinds and _goes_on(call.site.code, line_of(call.site)[1]):
            return Cut(place, kinds[0])
    return None


def _leads(evidence: Evidence, code: CodeType, statement: ast.stmt) -> bool:
    """Whether something computed on these lines leads to the loss, or nothing is computed there: a name is given on."""
    lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    made = [
        call
        for call in evidence.recording.calls
        if call.site is not None and call.site.code is code and line_of(call.site)[1] in lines
    ]
    return not made or any(token in evidence.ways.tokens for call in made for token in call.outputs)


def _goes_on(code: CodeType, line: int) -> bool:
    """Whether the name that is given a value on a line is calculated with further down."""
    for body, place in _around(code, line):
        name = _name(body[place])
        if name is not None:
            return any(name in _calculated_with(later) for later in body[place + 1 :])
    return False


def _around(code: CodeType, line: int) -> Iterator[tuple[Body, int]]:
    """The statement on a line and its place in its body, the innermost first."""
    found: list[tuple[int, Body, int]] = []
    for scope in scopes(code):
        for node in ast.walk(scope):
            for part in ("body", "orelse", "finalbody"):
                body: Any = getattr(node, part, None)  # of a lambda an expression
                for place, statement in enumerate(body if isinstance(body, list) else ()):
                    if stands_on(statement, line):
                        found.append((statement.lineno, body, place))
    return ((body, place) for _, body, place in sorted(found, key=lambda one: -one[0]))


def scopes(code: CodeType) -> list[ast.AST]:
    """The text of a function, or of the whole file, as a tree; nothing where there is none."""
    return [tree_of(code.co_filename)] if code.co_name == "<module>" else [*functions_of(code)]


def _name(statement: ast.stmt) -> str | None:
    """`n` of `n = ...`."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return None


def _read(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _calculated_with(statement: ast.stmt) -> set[str]:
    """Names that stand in a sum, a product or their like; not in one that is only shown."""
    shown = {
        id(inner)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(statement):
        if id(node) in shown:
            continue
        if isinstance(node, ast.BinOp):
            found |= {one.id for one in (node.left, node.right) if isinstance(one, ast.Name)}
        elif isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Name):
            found.add(node.value.id)
    return found
