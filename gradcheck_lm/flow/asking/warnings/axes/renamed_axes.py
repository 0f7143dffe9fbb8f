"""A view or reshape by which axes, or a part of one, are to change places: the numbers do not move."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Recording

_CUTS_ANEW = words("view reshape view_as reshape_as")


def warn_of_renamed_axes(evidence: Evidence, chain: Chain) -> None:
    """A warning for each, where the batch stays in front: what moves the batch mixes samples, and is told as that."""
    recording, leading = evidence.recording, evidence.ways.tokens
    for index, cause in _renamed(recording):
        call = recording.calls[index]
        if any(token in leading for token in call.outputs):
            before, after = (recording.tokens[token].shape for token in (call.inputs[0], call.outputs[0]))
            values = {"function": call.operation.title, "before": str(tuple(before)), "after": str(tuple(after))}
            draft = Draft("axes_renamed", index, "likely", "warning", cause=cause, values=values)
            chain.put(draft, key=(draft.kind, None if call.site is None else line_of(call.site)))


def may_rename(recording: Recording) -> bool:
    """Whether there is such a call."""
    return any(True for _ in _renamed(recording))


def _renamed(recording: Recording) -> Iterator[tuple[int, str]]:
    """(the call, whether axes get each other's sizes or a part of one is cut off in front of another)."""
    for index, call in enumerate(recording.calls):
        if call.operation.name not in _CUTS_ANEW or not call.inputs or call.inputs[0] < 0 or not call.outputs:
            continue
        token = recording.tokens[call.inputs[0]]
        made = recording.tokens[call.outputs[0]]
        before, after = ([size for size in one.shape if size != 1] for one in (token, made))
        moved = len(token.shape) == len(made.shape) and before != after and sorted(before) == sorted(after)
        exchanged = moved and len(before) > 2 and before[0] == after[0]
        if token.is_float and (exchanged or _is_carried(before, after) or _is_carried(after, before)):
            yield index, "view" if exchanged else "heads"


def _is_carried(whole: list[int], parts: list[int]) -> bool:
    """Whether a part of an axis is to stand before one that it stood behind: (B, T, H * d) as (B, H, T, d).

    Where the sizes could as well be those of axes that are cut or laid together in place, nothing is said.
    """
    if len(whole) < 3 or _ends(whole) <= _ends(parts) or _ends(parts) <= _ends(whole):
        return False
    return any(parts in _carried(whole, source) for source in range(2, len(whole)))


def _carried(whole: list[int], source: int) -> Iterator[list[int]]:
    """The shapes in which the first part of an axis stands further in front, or is laid together with the batch."""
    for heads in range(2, whole[source]):
        rest, over = divmod(whole[source], heads)
        if over:
            continue
        left = [*whole[:source], rest, *whole[source + 1 :]]
        yield [left[0] * heads, *left[1:]]
        for place in range(1, source):
            yield [*left[:place], heads, *left[place:]]


def _ends(shape: list[int]) -> set[int]:
    """How many numbers lie behind each axis: who only cuts axes keeps all of these."""
    return {math.prod(shape[place:]) for place in range(len(shape) + 1)}
