"""A loop over layers that is left in its first turn: a return that stands one level too deep."""

from __future__ import annotations

import ast
import re
from functools import cache
from types import CodeType

from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.watching.sites import Site, site_at
from gradcheck_lm.flow.watching.source import functions_of

_ONE_OF_SEVERAL = re.compile(r"^(.*?\b)\d+\b")  # up to the number in a list of modules: head.layers.2.weight


def loop_left_early(evidence: Evidence, place: int) -> Site | None:
    """Where a function that runs one layer of a list leaves its loop, though the list has this one too."""
    subjects = evidence.subjects
    found = _ONE_OF_SEVERAL.match(subjects.names[place])
    if found is None:
        return None
    like = [other for other, name in enumerate(subjects.names) if name.startswith(found[1]) and other in evidence.used]
    versions = frozenset[int]().union(*(evidence.versions(other) for other in like))
    for index, call in enumerate(evidence.recording.calls):
        if versions.isdisjoint(call.inputs):
            continue
        # a layer may itself be made of layers: the loop stands where the outer one is called
        for around in (call.site, *(site for _, site in evidence.recording.around(index))):
            line = None if around is None else _way_out(around.code)
            if around is not None and line is not None and (site := site_at(around.code, line)) is not None:
                return site
    return None


@cache
def _way_out(code: CodeType) -> int | None:
    """The line of a return or break that stands in a loop's body under no condition; None where there is none."""
    for function in functions_of(code):
        for loop in ast.walk(function):
            if isinstance(loop, ast.For | ast.While):
                for statement in loop.body[1:] or loop.body:
                    if isinstance(statement, ast.Return | ast.Break):
                        return statement.lineno
    return None
