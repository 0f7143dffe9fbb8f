"""Terms that were to teach a quantised value, and are taken of the straight-through result: it is detached in there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import LOSSES, words
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.source import function_around, stands_on, tree_of
from gradcheck_lm.flow.watching.tape import Recording

_SUMS = words("add __radd__ __add__")
_DIFFERENCES = words("sub __sub__ subtract")
_DETACHED = words("detach data.__get__")


@dataclass(frozen=True)
class StraightLine:
    """x + (z - x).detach(), written either way round, by its tokens."""

    result: int
    passed: int  # x
    chosen: int  # z
    detached: int  # the call that detaches


def straight_lines(recording: Recording) -> list[StraightLine]:
    """All that a recording has."""
    return [line for index in range(len(recording.calls)) for line in _straight_through(recording, index)]


def taught_in_vain(evidence: Evidence, place: int, lines: Sequence[StraightLine]) -> Draft | None:
    """A loss that holds x + (z - x).detach() against x.detach(), where z is made of a tensor that gets nothing.

    It moves x towards itself, and was to move z. Told at the loss, where its function could have taken z, which is
    returned beside the result; else at the straight-through line.
    """
    if not lines:
        return None
    recording = evidence.recording
    reached, _ = evidence.flow.descendants([evidence.subjects.roots[place]])
    results = {line.result: line for line in lines if line.chosen in reached}
    for index, call in enumerate(recording.calls if results else ()):
        if call.operation.name not in LOSSES | _DIFFERENCES or len(call.inputs) < 2:
            continue
        if not evidence.leads_to_a_term(call):
            continue
        for one, other in (call.inputs[:2], call.inputs[1::-1]):
            if one in results and _detached(recording, other) == results[one].passed:
                site = recording.calls[results[one].detached].site
                if site is not None and not _is_returned_beside(site):
                    cause, values = "straight_through_line", {"line": where(call.site)}
                    return Draft("detach", results[one].detached, "certain", cause=cause, values=values)
                return Draft("detach", index, "certain", cause="straight_through_output")
    return None


def _is_returned_beside(site: Site) -> bool:
    """Whether the function of a straight-through line returns the value z of (z - x) itself as well, by its name."""
    file, line = line_of(site)
    function = function_around(tree_of(file, "return"), line)
    nodes = [] if function is None else list(ast.walk(function))
    chosen = {
        node.left.id
        for node in nodes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Name)
        if stands_on(node, line)
    }
    returned = [part for node in nodes if isinstance(node, ast.Return) and node.value for part in _parts(node.value)]
    return any(isinstance(part, ast.Name) and part.id in chosen for part in returned)


def _parts(node: ast.expr) -> list[ast.expr]:
    """The entries of a tuple or a dict, or the one value."""
    if isinstance(node, ast.Dict):
        return list(node.values)
    return list(node.elts) if isinstance(node, ast.Tuple | ast.List) else [node]


def _straight_through(recording: Recording, index: int) -> list[StraightLine]:
    """What a call is of such a line, if it is its sum."""
    call = recording.calls[index]
    if call.operation.name not in _SUMS or len(call.inputs) != 2 or len(call.outputs) != 1:
        return []
    found = []
    for passed, constant in (call.inputs, call.inputs[::-1]):
        inner = _detached(recording, constant)
        maker = recording.tokens[inner].producer if inner is not None else -1
        if maker >= 0 and (made := recording.calls[maker]).operation.name in _DIFFERENCES and len(made.inputs) == 2:
            chosen, taken = made.inputs
            if taken == passed:
                found.append(StraightLine(call.outputs[0], passed, chosen, recording.tokens[constant].producer))
    return found


def _detached(recording: Recording, token: int) -> int | None:
    """What a value was detached from."""
    maker = recording.tokens[token].producer if token >= 0 else -1
    call = recording.calls[maker] if maker >= 0 else None
    return call.inputs[0] if call is not None and call.operation.name in _DETACHED and call.inputs else None
