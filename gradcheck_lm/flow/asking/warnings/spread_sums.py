"""A sum over everything that is weighted by a mask: the mask's axes are gone, and each entry counts the whole of it."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Recording

_REDUCTIONS = words("sum mean nansum nanmean")
_OF_ONE_NUMBER = MULTIPLICATIONS | words("neg add sub __radd__ __rsub__ div __truediv__ float double to")
_COMPARISONS = words("lt le gt ge ne eq __eq__ __ne__ isin logical_and logical_or logical_not bool")
_CASTS = words("float double half to type unsqueeze view reshape expand __getitem__")
_SUMS = words("add __add__ __radd__ sub __sub__")


def warn_of_spread_sums(evidence: Evidence, chain: Chain) -> None:
    """A warning for each product of one number and a mask whose axes that number was summed over."""
    recording = evidence.recording
    for index, reduction in _spread(recording):
        call, summed = recording.calls[index], recording.calls[reduction]
        if not any(token in evidence.ways.tokens for token in call.outputs):
            continue
        mask = recording.tokens[call.outputs[0]].shape
        values = {
            "function": summed.operation.title, "shape": str(tuple(recording.tokens[summed.inputs[0]].shape)),
            "mask": str(tuple(mask)), "line": where(call.site),
        }  # fmt: skip
        draft = Draft("suspicious_shape", reduction, "likely", "warning", cause="sum_before_mask", values=values)
        site = summed.site
        chain.put(draft, key=(draft.kind, draft.cause, None if site is None else line_of(site)))


def may_spread(recording: Recording) -> bool:
    """Whether there is such a product."""
    return any(True for _ in _spread(recording))


def _spread(recording: Recording) -> Iterator[tuple[int, int]]:
    """(the product, the reduction)."""
    tokens = recording.tokens
    for index, call in enumerate(recording.calls):
        if call.operation.name not in MULTIPLICATIONS or len(call.inputs) != 2 or not call.live or not call.outputs:
            continue
        for number, mask in (call.inputs, call.inputs[::-1]):
            shape = tokens[mask].shape if mask >= 0 else ()
            if number < 0 or tokens[number].shape or not tokens[number].requires_grad or tokens[mask].requires_grad:
                continue
            if not shape or shape.numel() < 2:  # type: ignore[union-attr]
                continue
            reduction = _reduction(recording, number)
            before = tokens[recording.calls[reduction].inputs[0]].shape if reduction is not None else ()
            beside = len(before) >= len(shape) and before[: len(shape)] == shape
            if reduction is not None and beside and (_is_mask(recording, mask) or _joins(recording, index, shape)):
                yield index, reduction


def _reduction(recording: Recording, token: int) -> int | None:
    """The call that made one number of many, seen through arithmetic with plain numbers."""
    while token >= 0 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name in _REDUCTIONS and len(call.inputs) == 1 and recording.tokens[call.inputs[0]].shape:
            return index
        if call.operation.name not in _OF_ONE_NUMBER or len(call.inputs) != 1:
            return None
        token = call.inputs[0]
    return None


def _is_mask(recording: Recording, token: int) -> bool:
    """Whether it is true or false, entry by entry."""
    while token >= 0:
        if str(recording.tokens[token].dtype) == "torch.bool":
            return True
        index = recording.tokens[token].producer
        if index < 0 or recording.calls[index].operation.name not in _CASTS | _COMPARISONS:
            return False
        token = recording.calls[index].inputs[0] if recording.calls[index].inputs else -1
    return False


def _joins(recording: Recording, product: int, shape: object) -> bool:
    """Whether the product is added to a loss for each entry."""
    made = set(recording.calls[product].outputs)
    for call in recording.calls[product + 1 :]:
        if made.isdisjoint(call.inputs):
            continue
        if call.operation.name in MULTIPLICATIONS and len(call.inputs) == 1:
            made.update(call.outputs)
        others = [token for token in call.inputs if token >= 0 and token not in made]
        if call.operation.name in _SUMS and any(
            recording.tokens[one].shape == shape and recording.tokens[one].requires_grad for one in others
        ):
            return True
    return False
