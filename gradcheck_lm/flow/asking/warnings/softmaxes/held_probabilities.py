"""Probabilities that are held at a least value before their logarithm, and that value is no guard against log(0)."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.mixing import softmax_axes
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Recording

_CLAMPS = words("clamp clamp_ clamp_min clamp_min_ clip clip_")
_SAME_VALUES = words(
    """
    view reshape squeeze unsqueeze flatten unflatten permute transpose t contiguous float to __getitem__ gather
    index_select select clone
    """
)
_MOST = 0.5  # of the 1 that all probabilities have together; a guard takes next to nothing of it


def warn_of_held_probabilities(evidence: Evidence, chain: Chain) -> None:
    """A warning for each clamp after a softmax whose least values, of all classes, make half of 1 or more."""
    recording, leading = evidence.recording, evidence.ways.tokens
    clamps = set(_clamps_of_probabilities(recording))
    axes = softmax_axes(evidence) if clamps else {}
    for index, least in _least_values(evidence).items() if clamps else ():
        call = recording.calls[index]
        if index not in clamps or not any(token in leading for token in call.outputs):
            continue
        made = _softmax_of(recording, call.inputs[0])
        if made is None or made not in axes:
            continue
        classes = recording.tokens[recording.calls[made].inputs[0]].shape[axes[made]]
        if classes * least < _MOST:
            continue
        values = {
            "function": call.operation.title, "count": str(classes), "least": f"{least:g}",
            "sum": f"{classes * least:.3g}", "line": where(recording.calls[made].site),
        }  # fmt: skip
        draft = Draft("suspicious_shape", index, "certain", "warning", cause="held_probabilities", values=values)
        chain.put(draft, key=("held probabilities", None if call.site is None else line_of(call.site)))


def may_hold_probabilities(recording: Recording) -> bool:
    """Whether what a softmax gave is clamped before its logarithm."""
    return next(_clamps_of_probabilities(recording), None) is not None


def _clamps_of_probabilities(recording: Recording) -> Iterator[int]:
    logs = {token for call in recording.calls if call.operation.name == "log" for token in call.inputs[:1]}
    for index, call in enumerate(recording.calls) if logs else ():
        clamps = call.operation.name in _CLAMPS and bool(call.inputs) and call.live
        if clamps and not logs.isdisjoint(call.outputs) and _softmax_of(recording, call.inputs[0]) is not None:
            yield index


def _softmax_of(recording: Recording, token: int) -> int | None:
    """The softmax that gave these values, past what takes some of them or changes their shape."""
    for _ in range(20):
        producer = recording.tokens[token].producer if token >= 0 else -1
        if producer < 0:
            return None
        call = recording.calls[producer]
        if call.operation.name == "softmax":
            return producer
        if call.operation.name not in _SAME_VALUES or not call.inputs:
            return None
        token = call.inputs[0]
    return None


def _least_values(evidence: Evidence) -> dict[int, float]:
    """Call -> the number below which a clamp holds what it is given: autograd's node keeps it."""
    found: dict[int, float] = {}
    for strand in evidence.strands:
        for node in walk_nodes(strand.root.grad_fn) if strand.root is not None and strand.root.requires_grad else ():
            if node.name().startswith(("ClampBackward1", "ClampMinBackward0")):
                index, least = evidence.recording.call_of(node), node._saved_min
                if index is not None and isinstance(least, int | float):
                    found[index] = float(least)
    return found
