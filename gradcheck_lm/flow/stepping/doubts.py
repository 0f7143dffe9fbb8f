"""Does a loss need asking, with backward passes of ours, or does the program's own one tell enough?"""

from __future__ import annotations

import math

import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.findings.model import Diagnosis, Term
from gradcheck_lm.flow.findings.notes import LOSS_NOT_FINITE, READ_OFF
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.stepping.games import Key, is_loss
from gradcheck_lm.flow.stepping.ledger.ledger import Ledger
from gradcheck_lm.flow.watching.recorder import Recorder

_FLAT = words("round floor ceil trunc fix sign sgn heaviside floor_divide")  # derivative 0 everywhere
# 0 for some values: a term of a sum that stands in such a place is dead, and its parameters live by the other terms
_SATURATING = words(
    """
    clamp clamp_min clamp_max clip relu relu6 hardtanh threshold maximum minimum max min amax amin where softmax
    margin_ranking_loss triplet_margin_loss hinge_embedding_loss cosine_embedding_loss nan_to_num masked_fill
    """
)


def loses_gradient(recorder: Recorder, loss: torch.Tensor) -> bool:
    """Whether anything that leads to a loss lost its gradient on the way, as far as the recording alone can tell.

    True also where it is meant (a mask, a target) and where values left torch: then autograd has the word.
    """
    token = recorder.token_of(loss)
    if token is None or any(recorder.recording.calls[index].live for index in recorder.recording.exports):
        return True
    seen: set[int] = set()
    stack = [token]
    while stack:
        current = stack.pop()
        if current in seen or current < 0:
            continue
        seen.add(current)
        producer = recorder.recording.tokens[current].producer
        if producer >= 0:
            call = recorder.recording.calls[producer]
            name, in_loss = call.operation.name, call.module < 0
            if call.live and not recorder.recording.tokens[current].requires_grad:
                return True
            if call.function_site is not None or name in _FLAT or (in_loss and name in _SATURATING):
                return True
            stack.extend(call.inputs)
    return False


def quiet_diagnosis(ledger: Ledger, loss: Key, names: tuple[str, ...]) -> Diagnosis | None:
    """Of a loss that nothing was amiss with: read off the program's own backward(), and without a picture."""
    holds = [frozenset(holder.holds) for holder in ledger.holders]
    events = [one for one in ledger.backwards() if is_loss(one, loss, holds)]
    if not events:
        return None
    event = events[0]
    live = {ledger.parameters[index].name for one in events for index in set(one.given) - set(one.zero)}
    reaches = tuple(name for name in names if name in live)
    value = math.nan if event.value is None else event.value
    term = Term("loss", value, True, reaches, not reaches, event.norm)
    zero = tuple(name for name in names if name not in live)
    return Diagnosis(not zero, (), {"loss": term}, (), zero, notes=(READ_OFF.told(),), wrt=names)


def not_asked(loss: torch.Tensor, error: TraceError) -> str:
    """Why nothing was asked about a loss, for the reader."""
    if not bool(torch.isfinite(loss.detach())):
        return LOSS_NOT_FINITE.told(value=loss.item())
    return error.args[0]  # a sentence that has more than one language keeps them
