"""A view or reshape that gives axes each other's sizes, where they were to change places: the numbers do not move."""

from __future__ import annotations

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
    for index in _renamed(recording):
        call = recording.calls[index]
        if any(token in leading for token in call.outputs):
            before, after = (recording.tokens[token].shape for token in (call.inputs[0], call.outputs[0]))
            values = {"function": call.operation.title, "before": str(tuple(before)), "after": str(tuple(after))}
            draft = Draft("axes_renamed", index, "likely", "warning", cause="view", values=values)
            chain.put(draft, key=(draft.kind, None if call.site is None else line_of(call.site)))


def may_rename(recording: Recording) -> bool:
    """Whether there is such a call."""
    return any(True for _ in _renamed(recording))


def _renamed(recording: Recording) -> Iterator[int]:
    for index, call in enumerate(recording.calls):
        if call.operation.name not in _CUTS_ANEW or not call.inputs or call.inputs[0] < 0 or not call.outputs:
            continue
        token = recording.tokens[call.inputs[0]]
        made = recording.tokens[call.outputs[0]]
        before, after = ([size for size in one.shape if size != 1] for one in (token, made))
        moved = len(token.shape) == len(made.shape) and before != after and sorted(before) == sorted(after)
        if token.is_float and moved and len(before) > 2 and before[0] == after[0]:
            yield index
