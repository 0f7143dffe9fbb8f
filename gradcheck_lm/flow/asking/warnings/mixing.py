"""Samples of a batch that read each other: warnings, read off shapes, axes and modules alone."""

from __future__ import annotations

import math

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import LOSSES, MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_PRODUCTS = MULTIPLICATIONS | words("sub __sub__ __rsub__ rsub gather")
_ELEMENTWISE = words("log neg clamp clamp_min clamp_max clip add __add__ __radd__ float to contiguous clone")
_LAYERS = words("linear addmm matmul __matmul__ mm")
_CUTS_ANEW = words("view reshape view_as reshape_as")
_RECURRENT = words("lstm gru rnn_tanh rnn_relu")
_SOFTMAXES = words("softmax log_softmax")
# what leaves the states of a recurrent layer in their order: layers or directions first, then the batch
_OF_STATES = words("__getitem__ index_select contiguous clone float to dropout relu tanh detach narrow")
_ATTENTION = "multi_head_attention_forward"
_WRAPPED = 1 << 63  # a negative axis, as an autograd node holds it


def warn_of_mixing(evidence: Evidence, chain: Chain) -> None:
    """A softmax over the batch, a layer that takes the batch for time, a view that puts the batch elsewhere."""
    recording, leading = evidence.recording, evidence.ways.tokens
    rows = _Rows(recording)
    axes = softmax_axes(evidence)
    for index, call in enumerate(recording.calls):
        if not call.live or not any(token in leading for token in call.outputs):
            continue
        draft = None
        if call.operation.name in _RECURRENT or call.operation.name == _ATTENTION:  # which has a softmax of its own
            draft = _batch_first(recording, index, call, rows.of(index))
        elif index in axes:
            draft = _softmax(recording, index, call, axes[index], rows.of(index))
        elif call.operation.name in _CUTS_ANEW:
            draft = _view(recording, index, call, rows.of(index))
        if draft is not None:
            chain.put(draft, key=(draft.kind, draft.cause, None if call.site is None else line_of(call.site)))


def may_mix(recording: Recording) -> bool:
    """Whether anything is there that `warn_of_mixing` would look at more closely."""
    rows = _Rows(recording)
    for index, call in enumerate(recording.calls):
        name = call.operation.name
        if not call.live or not call.inputs or call.inputs[0] < 0:
            continue
        if name in _RECURRENT or name == _ATTENTION:
            found = _batch_first(recording, index, call, rows.of(index)) is not None
        elif name in _CUTS_ANEW:
            found = _view(recording, index, call, rows.of(index)) is not None
        else:
            found = (
                name in _SOFTMAXES
                and _may_be_over_the_batch(recording.tokens[call.inputs[0]].shape)
                and _softmax(recording, index, call, 0, rows.of(index)) is not None
            )
        if found:
            return True
    return False


class _Rows:
    """How many rows the losses are computed on that a call's gradient comes from: one row a sample."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.losses = [
            (index, shape[0])
            for index, call in enumerate(recording.calls)
            if call.operation.name in LOSSES
            and call.inputs
            and call.inputs[0] >= 0
            and 1 <= len(shape := recording.tokens[call.inputs[0]].shape) <= 2
        ]

    def of(self, start: int) -> set[int]:
        """The first axes of the losses behind a call; the way there carries its gradient all along."""
        calls, tokens = self.recording.calls, self.recording.tokens
        if not any(index > start for index, _ in self.losses):
            return set()
        reached = set(calls[start].outputs)
        found = set()
        sizes = dict(self.losses)
        for index in range(start + 1, len(calls)):
            call = calls[index]
            if reached.isdisjoint(call.inputs):
                continue
            if index in sizes and call.inputs[0] in reached:
                found.add(sizes[index])
            reached.update(token for token in call.outputs if tokens[token].requires_grad)
        return found


# ---------------------------------------------------------------------- softmax


def softmax_axes(evidence: Evidence) -> dict[int, int]:
    """Call -> axis, of every softmax on the way to a term: the recording does not keep it, autograd's node does."""
    found: dict[int, int] = {}
    for strand in evidence.strands:
        if strand.root is None or strand.root.grad_fn is None:
            continue
        for node in walk_nodes(strand.root.grad_fn):
            if node.name().startswith(("SoftmaxBackward", "LogSoftmaxBackward")):
                call = evidence.recording.call_of(node)
                if call is not None:
                    axis = int(node._saved_dim)
                    found[call] = axis - 2 * _WRAPPED if axis >= _WRAPPED else axis
    return found


def _softmax(recording: Recording, index: int, call: Call, axis: int, batches: set[int]) -> Draft | None:
    """Over axis 0 of scores by class or position that a loss reads, of one row a sample, or of an attention's."""
    if not call.inputs or call.inputs[0] < 0:
        return None
    shape = recording.tokens[call.inputs[0]].shape
    if axis not in (0, -len(shape)):
        return None
    classes = len(shape) == 2 and shape[0] > 1 and shape[1] > 1 and shape[0] != shape[1]
    attention = len(shape) in (3, 4) and shape[0] > 1 and shape[-1] == shape[-2] > 1
    # gates, attention to channels or to positions: the loss has as many rows
    rows = shape[0] > 1 and shape[0] in batches and batches.isdisjoint(shape[1:])
    places = rows and len(shape) > 2 and shape[1] > 1
    if not attention and not places and not (classes and (rows or _meets_targets(recording, call))):
        return None
    values = {"function": call.operation.title, "line": where(call.site), "axis": "0"}
    return Draft("samples_mixed", index, "likely", "warning", cause="softmax_over_the_batch", values=values)


def _may_be_over_the_batch(shape: torch.Size) -> bool:
    """Scores by class, or one a position, where the axis is not known."""
    return len(shape) == 2 or (len(shape) > 2 and shape[-1] == 1)


def _meets_targets(recording: Recording, call: Call) -> bool:
    """Whether a loss reads the result, or it is held against a constant of its own shape."""
    if call.operation.name == "cross_entropy":
        return True
    shape, waiting = recording.tokens[call.outputs[0]].shape, set(call.outputs)
    maker = recording.tokens[call.inputs[0]].producer
    of_a_layer = maker >= 0 and recording.calls[maker].operation.name in _LAYERS
    for later in recording.calls:
        if not waiting.intersection(later.inputs):
            continue
        name = later.operation.name
        if name in LOSSES or name == "gather":
            return True
        others = [recording.tokens[token] for token in later.inputs if token >= 0 and token not in waiting]
        held = any(not other.requires_grad and other.shape == shape for other in others)
        if name in _PRODUCTS and held and of_a_layer:  # else weights of samples that were drawn, as in minimum risk
            return True
        if name in _ELEMENTWISE and not others:
            waiting.update(later.outputs)
    return False


# ---------------------------------------------------------------------- batch_first


def _batch_first(recording: Recording, index: int, call: Call, batches: set[int]) -> Draft | None:
    """A layer that takes time first is given as many times as the loss has rows, and another number of samples."""
    if not call.inputs or call.inputs[0] < 0 or call.module < 0:
        return None
    module = recording.modules[call.module][0]()
    shape = recording.tokens[call.inputs[0]].shape
    if getattr(module, "batch_first", True) or len(shape) != 3:
        return None
    times, samples, _ = shape
    if times not in batches or samples in batches or min(times, samples) < 2:
        return None
    values = {"module": recording.modules[call.module][1]}
    return Draft("samples_mixed", index, "likely", "warning", cause="batch_first", values=values)


# ---------------------------------------------------------------------- view


def _view(recording: Recording, index: int, call: Call, batches: set[int]) -> Draft | None:
    """The batch stands in another place afterwards although no axis was moved: its samples are cut across."""
    if not call.inputs or call.inputs[0] < 0 or not call.outputs:
        return None
    before, after = recording.tokens[call.inputs[0]].shape, recording.tokens[call.outputs[0]].shape
    if _is_of_states(recording, call.inputs[0]):  # whose batch is known, whatever the loss is computed on
        batches = batches | {before[1]}
    if not any(_cuts_across(before, after, size) for size in batches):
        return None
    values = {"function": call.operation.title, "line": where(call.site)}
    return Draft("samples_mixed", index, "likely", "warning", cause="view", values=values)


def _is_of_states(recording: Recording, token: int) -> bool:
    """Whether these are a recurrent layer's last states, (layers * directions, batch, width), or some of them."""
    while token >= 0 and len(recording.tokens[token].shape) == 3 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name in _RECURRENT:
            return token in call.outputs[1:]
        if call.operation.name not in _OF_STATES or not call.inputs:
            return False
        before = recording.tokens[call.inputs[0]].shape
        if len(before) != 3 or before[1] != recording.tokens[token].shape[1]:
            return False
        token = call.inputs[0]
    return False


def _cuts_across(before: torch.Size, after: torch.Size, batch: int) -> bool:
    """(T, B, C) to (B, T, C) or (B, T * C): the same sizes in another order, or all but the batch's made one."""
    if before[:1] == (batch,) and batch > 1 and after[:1] != (batch,):  # and (B, C, T) to (T, B, C)
        return len(set(before)) == len(before) == len(after) and 1 not in before and sorted(after) == sorted(before)
    if batch < 2 or len(before) < 2 or not after or after[0] != batch or before[0] == batch:
        return False
    if batch not in before or before[0] == 1 or math.prod(before[: before.index(batch)]) == 1:
        return False
    swapped = len(after) == len(before) and sorted(after) == sorted(before)
    flat = len(after) == 2 and len(before) > 2 and before[1] == batch
    return swapped or flat
