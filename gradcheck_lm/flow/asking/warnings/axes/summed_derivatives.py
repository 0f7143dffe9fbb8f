"""The second derivatives of all components of a gradient, taken at once: what comes out adds the mixed ones in."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft, line_key
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_ONES = words("ones ones_like new_ones")
_PARTS = words("__getitem__ select narrow split chunk unbind")
_MOST = 8  # coordinates of a point; a wider gradient is one of weights or features


def warn_of_summed_derivatives(evidence: Evidence, chain: Chain) -> None:
    """A warning where autograd.grad is asked for the gradient of a whole gradient, whose columns are then read."""
    recording = evidence.recording
    for index, first, reader in _twice(recording):
        call = recording.calls[index]
        if not evidence.leads_to_a_term(call):
            continue
        shape = recording.tokens[call.inputs[1]].shape
        values = {"line": where(recording.calls[first].site), "count": str(shape[1])}
        draft = Draft("summed_derivatives", index, "likely", "warning", cause="of_a_gradient", values=values)
        if line_key(call.site) == line_key(recording.calls[first].site):  # a helper's, which is right: how it is used
            draft.call, draft.cause, call = reader, "by_a_helper", recording.calls[reader]
        chain.put(draft, key=("summed derivatives", None if call.site is None else line_of(call.site)))


def may_sum_derivatives(recording: Recording) -> bool:
    """Whether there is such a gradient of a gradient."""
    return any(True for _ in _twice(recording))


def _twice(recording: Recording) -> Iterator[tuple[int, int, int]]:
    """(a call that differentiates a gradient, the call that gave that by the same points, the first that reads it)."""
    for index, call in enumerate(recording.calls):
        if call.operation.name != "grad" or not 2 <= len(call.inputs) <= 3 or len(call.outputs) != 1:
            continue
        root, point = call.inputs[:2]
        first = _maker(recording, root)
        if first is not None and recording.calls[first].operation.name == "sum":  # of which the gradient is the same
            first = _maker(recording, recording.calls[first].inputs[0])
        elif len(call.inputs) < 3 or not _is_ones(recording, call.inputs[2]):
            continue
        if (
            first is None
            or recording.calls[first].operation.name != "grad"
            or point not in recording.calls[first].inputs
        ):
            continue
        shape = recording.tokens[point].shape if point >= 0 else ()
        if len(shape) == 2 and 2 <= shape[1] <= _MOST and shape[0] > shape[1]:
            yield from ((index, first, reader) for reader in _read_apart(recording, index))


def _maker(recording: Recording, token: int) -> int | None:
    producer = recording.tokens[token].producer if token >= 0 else -1
    return producer if producer >= 0 else None


def _is_ones(recording: Recording, token: int) -> bool:
    made = _maker(recording, token)
    return made is not None and recording.calls[made].operation.name in _ONES


def _read_apart(recording: Recording, index: int) -> list[int]:
    """The first call that reads columns of what a call gives, or adds them up for each point, as a Laplacian's."""
    token = recording.calls[index].outputs[0]
    for reader in range(index + 1, len(recording.calls)):
        call = recording.calls[reader]
        if token in call.inputs and (call.operation.name in _PARTS or _adds_columns(recording, call)):
            return [reader]
    return []


def _adds_columns(recording: Recording, call: Call) -> bool:
    points = recording.tokens[call.inputs[0]].shape[0]
    return call.operation.name == "sum" and recording.tokens[call.outputs[0]].shape in ((points,), (points, 1))
