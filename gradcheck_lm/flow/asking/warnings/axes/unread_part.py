"""Parts that one statement takes a tensor into, of which one is read twice and another by nothing: a name mistaken."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import Site, is_users, line_of
from gradcheck_lm.flow.watching.source import called, function_around, stands_on, tree_of
from gradcheck_lm.flow.watching.tape import Recording

_SPLITS = words("chunk split tensor_split split_with_sizes unbind __iter__ hsplit vsplit dsplit")
_SLICES = words("__getitem__ narrow select")
_READS_ALL = {"locals", "vars", "eval", "exec"}


@dataclass(frozen=True)
class Unread:
    """A part that nothing reads, and the part that is read in its place.

    Attributes:
        call: that takes the tensor apart, on the line of the statement.
        line: where the other part is read a second time.
    """

    call: int
    name: str
    other: str
    line: int


def warn_of_unread_parts(evidence: Evidence, chain: Chain) -> None:
    """A warning where a part is read for the second time and its sibling never."""
    recording, leading = evidence.recording, evidence.ways.tokens
    for found in _unread(recording):
        split = recording.calls[found.call]
        assert split.site is not None
        place = line_of(split.site)[0], found.line
        readers = [
            index
            for index, call in enumerate(recording.calls)
            if index >= found.call and call.site is not None and line_of(call.site) == place
            if any(token in leading for token in call.outputs)
        ]
        if not readers:
            continue
        values = {
            "name": found.name,
            "other": found.other,
            "function": split.operation.title,
            "line": where(split.site),
        }
        draft = Draft("unread", readers[0], "likely", "warning", cause="part", values=values)
        chain.put(draft, key=("part", found.name, split.site))


def may_leave_parts(recording: Recording) -> bool:
    """Whether anything is there that `warn_of_unread_parts` would look at more closely."""
    return any(True for _ in _unread(recording))


def _unread(recording: Recording) -> Iterator[Unread]:
    asked: set[tuple[str, int]] = set()
    for index, call in enumerate(recording.calls):
        name = call.operation.name
        if call.site is None or not (name in _SPLITS or name in _SLICES) or not is_users(call.site.code):
            continue
        place = line_of(call.site)
        if place in asked:
            continue
        asked.add(place)
        found = _mistaken(call.site, *place, sliced=name in _SLICES)
        if found is not None:
            yield Unread(index, *found)


def _mistaken(site: Site, file: str, line: int, *, sliced: bool) -> tuple[str, str, int] | None:
    """(the part that is never read, the one that is read twice, the line of its second reading)."""
    tree = tree_of(file)
    scope: ast.AST = function_around(tree, line) or tree
    statement = next((one for one in ast.walk(scope) if isinstance(one, ast.Assign) and stands_on(one, line)), None)
    if statement is None or len(statement.targets) != 1 or not isinstance(statement.targets[0], ast.Tuple):
        return None
    names = [target.id for target in statement.targets[0].elts if isinstance(target, ast.Name)]
    if len(names) != len(statement.targets[0].elts) or len(set(names)) < 2:
        return None
    if sliced and not _are_slices_of_one(statement.value):
        return None
    if any(isinstance(node, ast.Call) and called(node) in _READS_ALL for node in ast.walk(scope)):
        return None
    readings = {name: _readings(scope, name) for name in names}
    unread = [name for name in names if not readings[name] and not name.startswith("_")]
    others = [name for name in names if len(readings[name]) > 1]
    if len(unread) != 1 or not others:
        return None
    other = max(others, key=lambda name: len(readings[name]))
    lines = readings[other]
    doubled = [one for one in lines if lines.count(one) > 1]
    return unread[0], other, (doubled or lines[1:])[0]


def _are_slices_of_one(value: ast.expr) -> bool:
    """a[...], a[...] of one a."""
    parts = value.elts if isinstance(value, ast.Tuple) else []
    owners = {ast.unparse(part.value) for part in parts if isinstance(part, ast.Subscript)}
    return len(owners) == 1 and all(isinstance(part, ast.Subscript) for part in parts)


def _readings(scope: ast.AST, name: str) -> list[int]:
    """The lines on which a name is read, in order, but for those that only give it another form: v = v.view(...)."""
    own = {
        id(node)
        for one in ast.walk(scope)
        if isinstance(one, ast.Assign) and [getattr(target, "id", None) for target in one.targets] == [name]
        for node in ast.walk(one.value)
    }
    return sorted(
        node.lineno
        for node in ast.walk(scope)
        if isinstance(node, ast.Name)
        and node.id == name
        and not isinstance(node.ctx, ast.Store)
        and id(node) not in own
    )
