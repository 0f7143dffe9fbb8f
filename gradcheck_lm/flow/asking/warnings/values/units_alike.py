"""Layers all of whose units begin alike, and whose readers treat them alike: they stay alike for ever."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.tape import Recording

_LAYERS = words("linear addmm conv1d conv2d conv3d")
# what treats the units alike that lies between two layers
_ALIKE = words(
    """
    relu relu_ relu6 leaky_relu leaky_relu_ elu selu gelu silu mish tanh sigmoid softplus hardtanh max_pool1d max_pool2d
    avg_pool1d avg_pool2d adaptive_avg_pool2d
    """
)
_WRITERS = words("fill_ constant_ zeros_ ones_ zero_ copy_ full ones data")


def warn_of_units_alike(evidence: Evidence, chain: Chain) -> None:
    """A warning for the first layer of such a pair."""
    recording, tensors = evidence.recording, evidence.subjects.tensors
    places = {token: place for place in range(len(tensors)) for token in evidence.versions(place)}
    with torch.no_grad(), torch._C.DisableTorchFunction():
        for first, second in _pairs(recording):
            found = [places.get(recording.calls[index].inputs[1]) for index in (first, second)]
            if None in found:
                continue
            weight, reader = (tensors[place].detach() for place in found if place is not None)
            biases = [
                tensors[place]
                for token in recording.calls[first].inputs[2:]
                if (place := places.get(token)) is not None
            ]
            if not (_rows_alike(weight) and _rows_alike(reader.transpose(0, 1)) and all(map(_is_one_number, biases))):
                continue
            if not bool(weight.any()) or not bool(reader.any()):
                continue  # zeros are told as such
            place = found[0]
            assert place is not None
            written = _written(recording, evidence.versions(place))
            values = {"parameter": evidence.subjects.names[place], "count": str(len(weight))}
            index = first if written is None else written
            draft = Draft("units_alike", index, "certain", "warning", cause="one_value", values=values)
            chain.put(draft, key=(draft.kind,))


def may_be_alike(recording: Recording) -> bool:
    """Whether one layer reads another, and a constant was written somewhere."""
    return any(True for _ in _pairs(recording)) and any(call.operation.name in _WRITERS for call in recording.calls)


def _pairs(recording: Recording) -> Iterator[tuple[int, int]]:
    """(layer, the next one, which reads it through nothing that would tell its units apart)."""
    calls, tokens = recording.calls, recording.tokens
    for index, call in enumerate(calls):
        if call.operation.name not in _LAYERS or len(call.inputs) < 2 or min(call.inputs[:2]) < 0:
            continue
        token = call.inputs[0]
        while (producer := tokens[token].producer) >= 0:
            before = calls[producer]
            if before.operation.name in _LAYERS and len(before.inputs) > 1:
                yield producer, index
                break
            if before.operation.name not in _ALIKE or not before.inputs or before.inputs[0] < 0:
                break
            token = before.inputs[0]


def _rows_alike(weight: Tensor) -> bool:
    return weight.dim() > 1 and len(weight) > 1 and bool((weight == weight[:1]).all())


def _is_one_number(bias: Tensor) -> bool:
    return bool((bias == bias.flatten()[:1]).all())


def _written(recording: Recording, versions: frozenset[int]) -> int | None:
    """The call that wrote one number into a weight, where it was seen."""
    calls, tokens = recording.calls, recording.tokens
    makers = {tokens[version].producer for version in versions}
    for made in [one for one in makers if one >= 0 and calls[one].operation.name == "data"]:
        makers.update(tokens[token].producer for token in calls[made].inputs if token >= 0)
    return max((one for one in makers if one >= 0 and calls[one].operation.name in _WRITERS - {"data"}), default=None)
