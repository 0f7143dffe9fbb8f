"""Losses that are computed without an error and hardly of what was meant: warnings, read off shapes and names alone."""

from __future__ import annotations

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.axes.all_pairs import (
    BY_PAIRS,
    SAME_VALUES,
    SUBTRACTIONS,
    all_pairs,
    readers_of,
)
from gradcheck_lm.flow.operations.names import LOSSES, words
from gradcheck_lm.flow.watching.sites import Site, is_users, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_LIKENESSES = words("cosine_similarity pairwise_distance dist")
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


def warn_of_suspicious(evidence: Evidence, chain: Chain) -> None:
    """Warnings on the calls that lead to the loss: two shapes that make all pairs, probabilities taken for logits."""
    recording, leading = evidence.recording, evidence.ways.tokens
    readers = readers_of(recording)
    for index, call in enumerate(recording.calls):
        if not any(token in leading for token in call.outputs):
            continue
        asked = (
            all_pairs(recording, readers, index, call),
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
    readers = readers_of(recording)
    return any(
        all_pairs(recording, readers, index, call) is not None
        or _twice(recording, index, call) is not None
        or _itself(recording, index, call) is not None
        for index, call in enumerate(recording.calls)
    )


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
    layer = recording.layer(recording.calls.index(made)) or _elsewhere(made, call)
    if layer is not None and cause in _LAYERS:
        cause, values["line"] = _LAYERS[cause], where(call.site)
    else:
        layer = None
    op = None if layer is None else made.operation.title
    return Draft("suspicious_shape", index, "certain", "warning", cause=cause, values=values, site=layer, op=op)


def _elsewhere(made: Call, loss: Call) -> Site | None:
    """Where another function than the loss's makes probabilities: a model's last step, as a layer is."""
    if made.site is None or loss.site is None or loss.operation.name not in LOSSES:
        return None  # log_softmax of probabilities: log in its place is as good a cure
    return made.site if made.site.code is not loss.site.code and is_users(made.site.code) else None


def _made_by(recording: Recording, token: int) -> Call | None:
    """The operation whose values these are, past those that only change the shape."""
    index = recording.maker(token, SAME_VALUES)
    return None if index is None else recording.calls[index]


def _mixed_by(recording: Recording, made: Call | None) -> Call | None:
    """Of a product with a constant, as of attention with one-hot labels, what the other factor was made by."""
    if made is None or made.operation.name not in _MIXES:
        return made
    learnt = [token for token in made.inputs if token >= 0 and recording.tokens[token].requires_grad]
    return _made_by(recording, learnt[0]) if len(learnt) == 1 else made


# ---------------------------------------------------------------------- with itself


def _itself(recording: Recording, index: int, call: Call) -> Draft | None:
    """A tensor that is held against itself: the difference is 0 whatever it is, and so is its gradient."""
    if call.operation.name not in SUBTRACTIONS | BY_PAIRS | _LIKENESSES:
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
