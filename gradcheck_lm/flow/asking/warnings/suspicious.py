"""Losses that are computed without an error and hardly of what was meant: warnings, read off shapes and names alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_BY_PAIRS = words("mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss soft_margin_loss")
_LIKENESSES = words("cosine_similarity pairwise_distance dist")
_SUBTRACTIONS = words("sub sub_ subtract __rsub__ rsub __sub__ __isub__")
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
_SAME_VALUES = words(
    """
    view reshape squeeze unsqueeze flatten unflatten permute transpose t contiguous float to __getitem__ T.__get__
    mT.__get__ movedim swapaxes view_as reshape_as clone
    """
)
_MIXES = words("matmul __matmul__ mm bmm")  # with a factor that learns nothing: probabilities stay such
# a loss that wants logits -> what it does to them itself -> what makes probabilities of them before
_PROBABILITIES = words("softmax sigmoid")
_WANTS_LOGITS = {
    "cross_entropy": ("softmax_twice", _PROBABILITIES),
    "log_softmax": ("softmax_twice", words("softmax")),
    "binary_cross_entropy_with_logits": ("sigmoid_twice", _PROBABILITIES),
    "multilabel_soft_margin_loss": ("sigmoid_twice", _PROBABILITIES),
    "logsigmoid": ("sigmoid_twice", words("sigmoid")),
}
_LAYERS = {"softmax_twice": "softmax_layer", "sigmoid_twice": "sigmoid_layer", "relu_before": "relu_layer"}
_DISTRIBUTIONS = words("softmax log_softmax exp log sigmoid logsigmoid")
_CLIPS = words("relu relu_ relu6 hardtanh softplus")
# what a layer or an activation gives is no log-probability
_NO_LOGS = (
    _PROBABILITIES
    | _CLIPS
    | words(
        """
    linear addmm bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d tanh gelu silu leaky_relu elu selu
    batch_norm layer_norm group_norm instance_norm dropout embedding lstm gru matmul __matmul__ bmm einsum
    """
    )
)
_WANTS_LOGS = words("nll_loss kl_div ctc_loss")
_EACH = words(
    """
    mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss soft_margin_loss binary_cross_entropy
    binary_cross_entropy_with_logits cross_entropy nll_loss gaussian_nll_loss square abs pow __pow__
    """
)  # losses before they are reduced


def warn_of_suspicious(evidence: Evidence, chain: Chain) -> None:
    """Warnings on the calls that lead to the loss: two shapes that make all pairs, probabilities taken for logits."""
    recording, leading = evidence.recording, evidence.ways.tokens
    readers = _readers(recording)
    for index, call in enumerate(recording.calls):
        if not any(token in leading for token in call.outputs):
            continue
        asked = (
            _all_pairs(recording, readers, index, call),
            _twice(recording, index, call),
            _itself(recording, index, call),
        )
        for draft in asked:
            if draft is not None:
                site = draft.site or call.site
                key = (draft.kind, draft.cause, None if site is None else line_of(site))
                chain.put(draft, key=key)


def is_suspicious(recording: Recording) -> bool:
    """Whether any call, on the way to a loss or not, is one that `warn_of_suspicious` would tell of."""
    readers = _readers(recording)
    return any(
        _all_pairs(recording, readers, index, call) is not None
        or _twice(recording, index, call) is not None
        or _itself(recording, index, call) is not None
        for index, call in enumerate(recording.calls)
    )


# ---------------------------------------------------------------------- all pairs


def _all_pairs(recording: Recording, readers: dict[int, list[int]], index: int, call: Call) -> Draft | None:
    """A column against a row: each prediction is held against each target."""
    of_torch = call.operation.name in _BY_PAIRS
    weighs = call.operation.name in MULTIPLICATIONS
    if not of_torch and not weighs and call.operation.name not in _SUBTRACTIONS:
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
    """A loss for each sample, before it is reduced."""
    return any(call.operation.name in _EACH for call in _makers(recording, token))


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
        if len(sources) != 1 or call.operation.name not in _SAME_VALUES | _DISTANCES:
            return
        token = sources[0]


def _dense(shape: torch.Size) -> list[int]:
    return [size for size in shape if size != 1]


# ---------------------------------------------------------------------- softmax twice


def _twice(recording: Recording, index: int, call: Call) -> Draft | None:
    """A loss that is given probabilities for logits, logits for log-probabilities, or logits without their signs."""
    name = call.operation.name
    cause, makers = _WANTS_LOGITS.get(name, ("", frozenset()))
    if name in _WANTS_LOGS:
        cause, makers = "no_log_probabilities", _NO_LOGS
    if not cause or not call.inputs or call.inputs[0] < 0:
        return None
    given = recording.tokens[call.inputs[0]]
    if not given.requires_grad:  # a teacher's, smoothed once more: nothing learns from it
        return None
    made = _mixed_by(recording, _made_by(recording, call.inputs[0]))
    if made is not None and name == "cross_entropy" and made.operation.name in _CLIPS:
        cause, index = "relu_before", recording.calls.index(made)
    elif made is None or made.operation.name not in makers:
        return None
    values = {"loss": call.operation.title, "function": made.operation.title, "line": where(made.site)}
    layer = recording.layer(recording.calls.index(made))
    if layer is not None and cause in _LAYERS:
        cause, values["line"] = _LAYERS[cause], where(call.site)
    else:
        layer = None
    op = None if layer is None else made.operation.title
    return Draft("suspicious_shape", index, "certain", "warning", cause=cause, values=values, site=layer, op=op)


def _made_by(recording: Recording, token: int) -> Call | None:
    """The operation whose values these are, past those that only change the shape."""
    for _ in range(20):
        producer = recording.tokens[token].producer
        if producer < 0:
            return None
        call = recording.calls[producer]
        if call.operation.name not in _SAME_VALUES or not call.inputs or call.inputs[0] < 0:
            return call
        token = call.inputs[0]
    return None


def _mixed_by(recording: Recording, made: Call | None) -> Call | None:
    """Of a product with a constant, as of attention with one-hot labels, what the other factor was made by."""
    if made is None or made.operation.name not in _MIXES:
        return made
    learnt = [token for token in made.inputs if token >= 0 and recording.tokens[token].requires_grad]
    return _made_by(recording, learnt[0]) if len(learnt) == 1 else made


# ---------------------------------------------------------------------- with itself


def _itself(recording: Recording, index: int, call: Call) -> Draft | None:
    """A tensor that is held against itself: the difference is 0 whatever it is, and so is its gradient."""
    if call.operation.name not in _SUBTRACTIONS | _BY_PAIRS | _LIKENESSES:
        return None
    operands = [token for token in call.inputs[:2] if token >= 0]
    if call.operation.name == "kl_div" and all(recording.tokens[token].requires_grad for token in operands):
        operands = [_distribution(recording, token) for token in operands]
    if len(operands) < 2 or operands[0] != operands[1]:
        return None
    values = {"function": call.operation.title}
    sure = "certain" if call.inputs[0] == call.inputs[1] else "likely"  # else along one axis, as far as is recorded
    return Draft("suspicious_shape", index, sure, "warning", cause="with_itself", values=values)


def _distribution(recording: Recording, token: int) -> int:
    """The scores that probabilities, or their logarithms, are made of."""
    while (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name not in _DISTRIBUTIONS or len(call.inputs) != 1:
            break
        token = call.inputs[0]
    return token


def _readers(recording: Recording) -> dict[int, list[int]]:
    """Token -> the calls that read it."""
    found: dict[int, list[int]] = {}
    for index, call in enumerate(recording.calls):
        for token in call.inputs:
            found.setdefault(token, []).append(index)
    return found
