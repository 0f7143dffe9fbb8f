"""Two shapes that make all pairs: each prediction is held against each target, each error is weighed by each weight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

BY_PAIRS = words("mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss soft_margin_loss")
SUBTRACTIONS = words("sub sub_ subtract __rsub__ rsub __sub__ __isub__")
# from a difference to a number: what a loss by hand does with it, element by element, until it sums up
_DISTANCES = words(
    """
    pow __pow__ square abs mul __mul__ __rmul__ multiply div __truediv__ neg float double half to clamp clamp_min
    clamp_max clip sqrt detach add __add__ __radd__ add_ sub __sub__ __rsub__ log log1p logcosh cosh maximum minimum
    fmax fmin where softplus relu
    """
)
_OF_TWO = words("max min")  # element by element where two tensors are given, else along an axis
_SUMS = words("mean sum nanmean nansum")
_NEW_AXIS = words("unsqueeze unsqueeze_ __getitem__")
_NEW_SHAPE = _NEW_AXIS | words("view reshape unflatten expand expand_as t transpose permute T.__get__ mT.__get__")
_KEEPING = words("sum mean norm vector_norm amax amin max min std var prod logsumexp nansum nanmean")
SAME_VALUES = words(
    """
    view reshape squeeze unsqueeze flatten unflatten permute transpose t contiguous float to __getitem__ T.__get__
    mT.__get__ movedim swapaxes view_as reshape_as clone
    """
)
_EACH = words(
    """
    mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss soft_margin_loss binary_cross_entropy
    binary_cross_entropy_with_logits cross_entropy nll_loss gaussian_nll_loss square abs pow __pow__
    """
)  # losses before they are reduced
_FAR = 40  # calls, from a weighted loss back to what it holds a prediction against


def all_pairs(recording: Recording, readers: dict[int, list[int]], index: int, call: Call) -> Draft | None:
    """A column against a row: each prediction is held against each target."""
    of_torch = call.operation.name in BY_PAIRS
    weighs = call.operation.name in MULTIPLICATIONS
    if not of_torch and not weighs and call.operation.name not in SUBTRACTIONS:
        return None
    operands = [token for token in call.inputs[:2] if token >= 0]
    if len(operands) < 2 or not _makes_pairs(*(recording.tokens[token].shape for token in operands)):
        return None
    if weighs and not any(_is_loss_of_each(recording, token) for token in operands):
        return None
    if not of_torch and not (
        _becomes_a_number(recording, readers, call.outputs)
        and not any(_is_learnt(recording, token) or _is_meant(recording, token) for token in operands)
    ):
        return None
    if of_torch and any(_opened_beside(recording, token, call) for token in operands):
        return None
    left, right = (tuple(recording.tokens[token].shape) for token in operands)
    result = tuple(torch.broadcast_shapes(left, right))
    values = {"left": str(left), "right": str(right), "result": str(result)}
    return Draft("suspicious_shape", index, "likely", "warning", cause="broadcast", values=values)


def _makes_pairs(left: torch.Size, right: torch.Size) -> bool:
    """As many numbers in both, in the same order, and one has an axis of 1 that the other lacks: (B, 1) and (B,)."""
    if len(left) == len(right) or [size for size in left if size != 1] != [size for size in right if size != 1]:
        return False
    try:
        pairs = torch.broadcast_shapes(left, right).numel()
    except RuntimeError:
        return False
    return pairs > left.numel() > 1


def _becomes_a_number(recording: Recording, readers: dict[int, list[int]], outputs: Iterable[int]) -> bool:
    """Whether a difference goes, squared or weighted, into sums and means alone until one number is left."""
    waiting, seen = list(outputs), set()
    while waiting:
        token = waiting.pop()
        for index in readers.get(token, ()):
            call = recording.calls[index]
            name = call.operation.name
            if index in seen or not (name in _DISTANCES | _SUMS or (name in _OF_TWO and len(call.inputs) == 2)):
                continue
            seen.add(index)
            if name in _SUMS and any(not recording.tokens[output].shape for output in call.outputs):
                return True
            waiting.extend(call.outputs)
    return False


def _is_loss_of_each(recording: Recording, token: int) -> bool:
    """A loss for each sample, before it is reduced: in one piece, or of pieces that a sum or torch.where joins."""
    waiting, seen = [token], set[int]()
    while waiting and len(seen) < _FAR:
        producer = recording.tokens[waiting.pop()].producer
        if producer < 0 or producer in seen:
            continue
        seen.add(producer)
        call = recording.calls[producer]
        if call.operation.name in _EACH:
            return True
        sources = [source for source in call.inputs if source >= 0]
        if call.operation.name in SAME_VALUES | _DISTANCES:
            learnt = [source for source in sources if recording.tokens[source].requires_grad]
            waiting += sources if len(sources) == 1 else learnt
    return False


def _is_learnt(recording: Recording, token: int) -> bool:
    """A leaf that learns: thresholds, centres, a bias: whoever subtracts it from a column wants each against each."""
    made = recording.tokens[token]
    return made.requires_grad and made.producer < 0


def _is_meant(recording: Recording, token: int) -> bool:
    """The axis of 1 was made on purpose: x[:, None], x.view(-1, 1), a sum with keepdim=True."""
    for call in _makers(recording, token):
        before = [recording.tokens[source].shape for source in call.inputs if source >= 0]
        after = recording.tokens[call.outputs[0]].shape
        if not before or 1 not in after:
            continue
        if call.operation.name in _NEW_SHAPE and _dense(before[0]) == _dense(after) and 1 not in before[0]:
            return True
        if call.operation.name in _KEEPING and len(before[0]) == len(after) and before[0] != after:
            return True
    return False


def _opened_beside(recording: Recording, token: int, loss: Call) -> bool:
    """x[:, None] or x.unsqueeze(1) on the loss's own line, by the one who wrote the loss."""
    producer = recording.tokens[token].producer
    if producer < 0 or loss.site is None:
        return False
    call = recording.calls[producer]
    before = [recording.tokens[source].shape for source in call.inputs if source >= 0]
    return (
        call.operation.name in _NEW_AXIS
        and len(before) == 1
        and len(before[0]) < len(recording.tokens[token].shape)
        and call.site is not None
        and line_of(call.site) == line_of(loss.site)
    )


def _makers(recording: Recording, token: int) -> Iterator[Call]:
    """The call that made a value, and those before it that only changed its shape or each of its elements."""
    for _ in range(20):
        producer = recording.tokens[token].producer
        if producer < 0:
            return
        call = recording.calls[producer]
        yield call
        sources = [source for source in call.inputs if source >= 0]
        if len(sources) != 1 or call.operation.name not in SAME_VALUES | _DISTANCES:
            return
        token = sources[0]


def _dense(shape: torch.Size) -> list[int]:
    return [size for size in shape if size != 1]


def readers_of(recording: Recording) -> dict[int, list[int]]:
    """Token -> the calls that read it."""
    found: dict[int, list[int]] = {}
    for index, call in enumerate(recording.calls):
        for token in call.inputs:
            found.setdefault(token, []).append(index)
    return found
