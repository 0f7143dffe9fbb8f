"""One number, summed over the samples, that meets a value for each of them: each counts the whole of it again.

By a product with a mask, whose axes are gone by then, or by a sum with a loss for each sample.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_REDUCTIONS = words("sum mean nansum nanmean")
_OF_ONE_NUMBER = MULTIPLICATIONS | words("neg add sub __radd__ __rsub__ div __truediv__ float double to")
_COMPARISONS = words("lt le gt ge ne eq __eq__ __ne__ isin logical_and logical_or logical_not bool")
_CASTS = words("float double half to type unsqueeze view reshape expand __getitem__")
_ADDITIONS = words("add __add__ __radd__")
_SUMS = _ADDITIONS | words("sub __sub__")
_TOTALS = words("sum nansum")
_OF_A_TOTAL = MULTIPLICATIONS | words("neg")  # divided by how many there are, it would be a mean, as a baseline is


def warn_of_spread_sums(evidence: Evidence, chain: Chain) -> None:
    """A warning for each sum that meets a mask, or a value for each sample, whose axes it was made over."""
    recording = evidence.recording
    for index, reduction in _spread(recording):
        call, summed = recording.calls[index], recording.calls[reduction]
        if not evidence.leads_to_a_term(call):
            continue
        mask = recording.tokens[call.outputs[0]].shape
        values = {
            "function": summed.operation.title, "shape": str(tuple(recording.tokens[summed.inputs[0]].shape)),
            "mask": str(tuple(mask)), "line": where(call.site),
        }  # fmt: skip
        draft = Draft("suspicious_shape", reduction, "likely", "warning", cause="sum_before_mask", values=values)
        chain.put(draft, key=_key(draft, summed))
    for index, reduction in _added_to_each(recording):
        call, summed = recording.calls[index], recording.calls[reduction]
        if not evidence.leads_to_a_term(call):
            continue
        by_hand = summed.operation.name in _ADDITIONS
        function = "sum" if by_hand else summed.operation.title
        shape = str(tuple(recording.tokens[call.outputs[0]].shape))
        values = {"function": function, "shape": shape, "line": where(call.site)}
        draft = Draft("suspicious_shape", reduction, "likely", "warning", cause="sum_beside_each", values=values)
        draft.op = function if by_hand else None
        chain.put(draft, key=_key(draft, summed))


def may_spread(recording: Recording) -> bool:
    """Whether there is such a product, or such a sum."""
    return any(True for _ in _spread(recording)) or any(True for _ in _added_to_each(recording))


def _key(draft: Draft, summed: Call) -> tuple[object, ...]:
    return draft.kind, draft.cause, None if summed.site is None else line_of(summed.site)


# ---------------------------------------------------------------------- a mask


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


# ---------------------------------------------------------------------- a loss for each


def _added_to_each(recording: Recording) -> Iterator[tuple[int, int]]:
    """(the sum with a vector, the reduction of another vector as long), both learnt and both one number a sample."""
    tokens = recording.tokens
    for index, call in enumerate(recording.calls):
        if call.operation.name not in _SUMS or len(call.inputs) != 2 or not call.live or not call.outputs:
            continue
        for number, each in (call.inputs, call.inputs[::-1]):
            if min(number, each) < 0 or tokens[number].shape or not tokens[number].requires_grad:
                continue
            shape = tokens[each].shape
            if len(shape) != 1 or shape[0] < 2 or not tokens[each].requires_grad:
                continue
            found = _total(recording, number)
            if found is not None and tokens[found[1]].shape == shape and _is_apart(recording, found[1], each):
                yield index, found[0]


def _total(recording: Recording, token: int) -> tuple[int, int] | None:
    """(the call that ends a sum, the vector that is summed), seen through arithmetic with plain numbers."""
    while token >= 0 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name in _TOTALS and len(call.inputs) == 1:
            return index, call.inputs[0]
        if call.operation.name in _ADDITIONS:
            summed = _one_by_one(recording, token)
            return None if summed is None else (index, summed)
        if call.operation.name not in _OF_A_TOTAL or len(call.inputs) != 1:
            return None
        token = call.inputs[0]
    return None


def _one_by_one(recording: Recording, token: int) -> int | None:
    """The vector whose entries Python's own sum() adds up: 0 and the first, that and the second, and so on."""
    entries: list[int] = []
    while (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name == "unbind":
            whole = call.inputs[0]
            return whole if sorted([*entries, token]) == sorted(call.outputs) else None
        if call.operation.name not in _ADDITIONS or len(call.inputs) not in (1, 2):
            return None
        entries += call.inputs[1:]
        token = call.inputs[0]
    return None


def _is_apart(recording: Recording, summed: int, each: int) -> bool:
    """Whether a summed vector has a number for each sample, and none of those it is added to are among its sources.

    A sum less each of its own addends is meant, and so is one that is weighted: what leaves one out, an advantage.
    A vector that is made of learnt values alone has no samples.
    """
    shape = recording.tokens[summed].shape
    waiting, seen, of_samples = [summed], set[int](), False
    while waiting:
        token = waiting.pop()
        if token in seen or token < 0:
            continue
        if token == each:
            return False
        seen.add(token)
        made = recording.tokens[token]
        of_samples = of_samples or (not made.requires_grad and made.shape[:1] == shape)
        if made.producer >= 0:
            waiting += recording.calls[made.producer].inputs
    return of_samples
