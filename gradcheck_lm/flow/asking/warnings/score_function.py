"""log p(action) times a value that learns as well: the policy's loss trains the critic, in the wrong direction."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from types import CodeType

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import expression_at, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

# what keeps one number a sample: the ratio of two policies is made of their log-probabilities so
_SAME = words(
    """
    add __add__ __radd__ add_ sub __sub__ __rsub__ rsub subtract neg __neg__ exp exp_ sum mean squeeze unsqueeze view
    reshape flatten stack cat getitem __getitem__ clamp clip min minimum float to permute transpose split unbind
    """
)
_LAYERS = words("linear addmm matmul __matmul__ mm bmm conv1d conv2d conv3d lstm gru rnn_tanh rnn_relu")
_NAME = "log_prob"
_MOST = 60  # calls that are walked back from one factor


def warn_of_trained_critic(evidence: Evidence, chain: Chain) -> None:
    """A warning for each product of a log-probability with what a network that learns has given."""
    leading = evidence.ways.tokens
    for index in _products(evidence.recording):
        call = evidence.recording.calls[index]
        if any(token in leading for token in call.outputs):
            site = None if call.site is None else line_of(call.site)
            draft = Draft("trained_or_frozen_by_mistake", index, "likely", "warning", cause="critic_in_the_policy_loss")
            chain.put(draft, key=(draft.kind, draft.cause, site))


def may_train_the_critic(recorder: Recorder) -> bool:
    """Whether there is such a product."""
    return bool(_products(recorder.recording))


def _products(recording: Recording) -> list[int]:
    found: list[int] = []
    if not any(map(_is_log_prob, recording.calls)):
        return found
    for index, call in enumerate(recording.calls):
        if call.operation.name not in MULTIPLICATIONS or not call.live or len(call.inputs) != 2:
            continue
        if not all(token >= 0 and recording.tokens[token].requires_grad for token in call.inputs):
            continue
        for one, other in (call.inputs, call.inputs[::-1]):
            if _leads_back(recording, one, _SAME, _is_log_prob) and (
                not _leads_back(recording, other, _SAME, _is_log_prob)
                and _leads_back(recording, other, _SAME, lambda made: made.operation.name in _LAYERS)
            ):
                found.append(index)
                break
    return found


def _leads_back(recording: Recording, token: int, through: frozenset[str], found: Callable[[Call], bool]) -> bool:
    """Whether a value is made, element by element, of what one call gave that still carries a gradient."""
    stack, seen = [token], set[int]()
    while stack and len(seen) < _MOST:
        current = stack.pop()
        if current < 0 or not recording.tokens[current].requires_grad:
            continue
        producer = recording.tokens[current].producer
        if producer < 0 or producer in seen:
            continue
        seen.add(producer)
        call = recording.calls[producer]
        if found(call):
            return True
        if call.operation.name in through:
            stack.extend(call.inputs)
    return False


def _is_log_prob(call: Call) -> bool:
    """An operation inside a distribution's log_prob: its site is the line of the program that calls that."""
    return call.site is not None and _NAME in call.site.code.co_names and _calls_log_prob(*call.site[:2])


@cache
def _calls_log_prob(code: CodeType, instruction: int) -> bool:
    expression = expression_at(code, instruction)
    return (
        isinstance(expression, ast.Call)
        and isinstance(expression.func, ast.Attribute)
        and expression.func.attr == _NAME
    )
