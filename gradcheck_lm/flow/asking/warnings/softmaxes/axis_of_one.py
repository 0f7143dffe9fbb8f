"""A softmax over an axis of one entry whose results are read along another: each is 1, and no score learns."""

from __future__ import annotations

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.mixing import softmax_axes
from gradcheck_lm.flow.operations.names import LOSSES, MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_SOFTMAXES = words("softmax log_softmax")
_PRODUCTS = words("matmul __matmul__ bmm mm")
_RESHAPED = words(
    """
    view reshape squeeze unsqueeze flatten unflatten contiguous clone float to dropout __getitem__ t transpose permute
    T.__get__ mT.__get__ movedim swapaxes
    """
)
_SUMS = words("sum mean")
_BY_CLASS = LOSSES - words("cross_entropy")  # which applies a softmax of its own


def warn_of_axes_of_one(evidence: Evidence, chain: Chain) -> None:
    """A warning for each softmax of which nothing but ones comes, where the axis it was meant for has several."""
    recording, leading = evidence.recording, evidence.ways.tokens
    for index, axis in softmax_axes(evidence).items():
        call = recording.calls[index]
        if not call.inputs or call.inputs[0] < 0 or not any(token in leading for token in call.outputs):
            continue
        shape = recording.tokens[call.inputs[0]].shape
        if call.operation.name not in _SOFTMAXES or not shape or shape[axis] != 1:
            continue
        read = _read_along(recording, index, several=max(shape))
        if read is None:
            continue
        reader, count = read
        values = {
            "function": call.operation.title, "axis": str(axis % len(shape)), "shape": str(tuple(shape)),
            "line": where(reader.site), "count": str(count),
        }  # fmt: skip
        draft = Draft("suspicious_shape", index, "certain", "warning", cause="axis_of_one", values=values)
        chain.put(draft, key=("axis of one", None if call.site is None else line_of(call.site)))


def may_have_axes_of_one(recording: Recording) -> bool:
    """Whether any softmax reads scores of which some axis has one entry, and its results are read along another."""
    return any(
        call.operation.name in _SOFTMAXES
        and bool(call.inputs)
        and call.inputs[0] >= 0
        and 1 in (shape := recording.tokens[call.inputs[0]].shape)
        and _read_along(recording, index, several=max(shape)) is not None
        for index, call in enumerate(recording.calls)
    )


def _read_along(recording: Recording, start: int, *, several: int) -> tuple[Call, int] | None:
    """The call that sums over results as over weights, or takes them class by class, and over how many at once."""
    tokens, weights = recording.tokens, set(recording.calls[start].outputs)
    weighed: dict[int, tuple[int, ...]] = {}  # products element by element -> the shape of the weights in them
    for call in recording.calls[start + 1 :] if several > 1 else ():
        name = call.operation.name
        if name in _SUMS and call.inputs[0] in weighed and call.outputs:
            count = _summed(weighed[call.inputs[0]], tokens[call.inputs[0]].shape, tokens[call.outputs[0]].shape)
            return (call, count) if count > 1 else None
        own = [place for place, token in enumerate(call.inputs) if token in weights]
        if not own:
            continue
        shape = tokens[call.inputs[own[0]]].shape
        if name in MULTIPLICATIONS:
            weighed.update(dict.fromkeys(call.outputs, tuple(shape)))
        if name in _PRODUCTS and len(shape) > 1 and len(call.inputs) == 2:
            count = shape[-1] if own[0] == 0 else shape[-2]
            return (call, count) if count > 1 else None
        if name in _BY_CLASS and len(shape) == 2 and own[0] == 0 and shape[-1] > 1:
            return call, shape[-1]
        if name in _RESHAPED:
            weights.update(call.outputs)
    return None


def _summed(weights: tuple[int, ...], product: torch.Size, left: torch.Size) -> int:
    """How many different weights a sum over one axis of a product takes together; 0 where it cannot be told."""
    aligned = (1,) * (len(product) - len(weights)) + weights
    axes = [
        axis
        for axis in range(len(product))
        if left in (product[:axis] + product[axis + 1 :], (*product[:axis], 1, *product[axis + 1 :]))
    ]
    return min((aligned[axis] for axis in axes), default=0)
