"""x - (x + constant): what straight-through quantisers leave of a residual, and it has no derivative."""

from __future__ import annotations

from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.tape import Recording

_DIFFERENCES = words("sub sub_ __sub__ __rsub__ __isub__ subtract")
_SHIFTS = _DIFFERENCES | words("add add_ __add__ __radd__ __iadd__")


def subtracts_itself(recording: Recording) -> bool:
    """Whether somewhere a value meets itself, shifted by what asks for no gradient, with the opposite sign.

    Such a difference may starve one term of a sum while the others hide it: only the terms asked one by one tell.
    """
    tokens, calls = recording.tokens, recording.calls
    for call in calls:
        if call.operation.name not in _DIFFERENCES or len(call.inputs) < 2 or min(call.inputs) < 0:
            continue
        for one, two in (call.inputs[:2], call.inputs[1::-1]):
            producer = tokens[two].producer
            if not tokens[one].requires_grad or producer < 0 or calls[producer].operation.name not in _SHIFTS:
                continue
            others = [token for token in calls[producer].inputs if token != one]
            if len(others) < len(calls[producer].inputs) and not any(tokens[t].requires_grad for t in others if t >= 0):
                return True
    return False
