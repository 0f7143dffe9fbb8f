"""Terms that were to teach a quantised value, and are taken of the straight-through result: it is detached in there."""

from __future__ import annotations

from gradcheck_lm.flow.asking.evidence import Evidence
from gradcheck_lm.flow.operations.names import LOSSES, words
from gradcheck_lm.flow.watching.tape import Recording

_SUMS = words("add __radd__ __add__")
_DIFFERENCES = words("sub __sub__ subtract")
_DETACHED = words("detach data.__get__")


def taught_in_vain(evidence: Evidence, place: int) -> int | None:
    """The loss that holds x + (z - x).detach() against x.detach(), where z is made of a tensor that gets nothing.

    It moves x towards itself. The detach in the straight-through line is meant; what was to move z is this loss.
    """
    recording = evidence.recording
    reached, _ = evidence.flow.descendants([evidence.subjects.roots[place]])
    results = {
        output: passed
        for index in range(len(recording.calls))
        for output, passed, chosen in _straight_through(recording, index)
        if chosen in reached
    }
    for index, call in enumerate(recording.calls if results else ()):
        if call.operation.name not in LOSSES | _DIFFERENCES or len(call.inputs) < 2:
            continue
        if not any(token in evidence.ways.tokens for token in call.outputs):
            continue
        for one, other in (call.inputs[:2], call.inputs[1::-1]):
            if one in results and _detached(recording, other) == results[one]:
                return index
    return None


def _straight_through(recording: Recording, index: int) -> list[tuple[int, int, int]]:
    """(result, x, z) of a sum x + (z - x).detach(), written either way round."""
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
                found.append((call.outputs[0], passed, chosen))
    return found


def _detached(recording: Recording, token: int) -> int | None:
    """What a value was detached from."""
    maker = recording.tokens[token].producer if token >= 0 else -1
    call = recording.calls[maker] if maker >= 0 else None
    return call.inputs[0] if call is not None and call.operation.name in _DETACHED and call.inputs else None
