"""A discounted target that the trained network makes itself, with its gradient: it moves to meet the prediction."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from functools import cache

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.source import DISCOUNT, stands_on, tree_of
from gradcheck_lm.flow.watching.tape import Recording

_LOSSES = words("mse_loss smooth_l1_loss huber_loss l1_loss")
_DIFFERENCES = words("sub __sub__ __rsub__ rsub subtract")
_SUMS = words("add __add__ __radd__")
_SQUARES = words("pow __pow__ square abs smooth_l1_loss huber_loss")
# what keeps one number a sample, or gathers them
_SAME = _SUMS | _DIFFERENCES | MULTIPLICATIONS | words(
    """
    squeeze unsqueeze view reshape flatten stack cat getitem __getitem__ __setitem__ float to clone contiguous mean sum
    neg __neg__ flip max min amax minimum gather index_select select permute transpose
    """
)  # fmt: skip
# gamma alone may be a damping, or a scale
_OF_STEPS = re.compile(r"reward|return|next|done|terminal|target|value|mask|td|\brews?\b|\brs?\b", re.IGNORECASE)
_MOST = 400  # calls that are walked back


def warn_of_bootstrapped(evidence: Evidence, chain: Chain) -> None:
    """A warning where a reward and the discounted value of the same network are added up to that network's target."""
    leading, recording = evidence.ways.tokens, evidence.recording
    for index, target in _found(recording):
        call = recording.calls[index]
        if any(token in leading for token in call.outputs):
            values = {"function": call.operation.title, "line": where(call.site)}
            draft = Draft(
                "trained_or_frozen_by_mistake", target, "likely", "warning", cause="target_learns", values=values
            )
            site = recording.calls[target].site
            chain.put(draft, key=(draft.kind, draft.cause, None if site is None else line_of(site)))


def may_bootstrap(recorder: Recorder) -> bool:
    """Whether there is such a target."""
    return any(True for _ in _found(recorder.recording))


def _found(recording: Recording) -> Iterator[tuple[int, int]]:
    """(the loss or difference, the sum that makes its target)."""
    for index, call in enumerate(recording.calls):
        name = call.operation.name
        if not call.live or not (name in _LOSSES or name in _DIFFERENCES) or len(call.inputs) < 2 or call.site is None:
            continue
        if not _mentions(call.site.code.co_filename):
            continue
        pair = call.inputs[:2]
        if not all(token >= 0 and recording.tokens[token].requires_grad for token in pair):
            continue
        for target, prediction in (pair, pair[::-1]):
            made = _discounted(recording, target)
            if made is None or not (_leaves(recording, target) & _leaves(recording, prediction)):
                continue
            if name in _LOSSES or _is_squared(recording, index):
                yield index, made
                break


def _discounted(recording: Recording, token: int) -> int | None:
    """The sum, of a value without gradient and a discounted one with, that a target is made by."""
    stack, seen = [token], set[int]()
    while stack and len(seen) < _MOST:
        current = stack.pop()
        producer = recording.tokens[current].producer if current >= 0 else -1
        if producer < 0 or producer in seen:
            continue
        seen.add(producer)
        call = recording.calls[producer]
        if call.operation.name not in _SAME:
            continue
        learning = [one for one in call.inputs if one >= 0 and recording.tokens[one].requires_grad]
        given = [one for one in call.inputs if one >= 0 and not recording.tokens[one].requires_grad]
        if call.operation.name in _SUMS and given and len(learning) == 1 and call.site is not None:
            factor = recording.tokens[learning[0]].producer
            multiplied = factor >= 0 and recording.calls[factor].operation.name in MULTIPLICATIONS
            if multiplied and _discounts(*line_of(call.site)):
                return producer
        stack.extend(learning)
    return None


@cache
def _mentions(file: str) -> bool:
    """Whether a discount may stand in a file: most know none, and none of their calls is looked at."""
    return any(map(DISCOUNT.search, linecache.getlines(file)))


@cache
def _discounts(file: str, line: int) -> bool:
    """Whether the statement on a line names a discount, and what is discounted."""
    tree = tree_of(file)
    around = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and stands_on(node, line)]
    innermost = max(around, key=lambda node: node.lineno, default=None)
    text = "" if innermost is None else ast.unparse(innermost)
    return bool(DISCOUNT.search(text) and _OF_STEPS.search(text))


def _leaves(recording: Recording, token: int) -> set[int]:
    """What learns among all that a value is made of."""
    stack, seen, found = [token], set[int](), set[int]()
    while stack and len(seen) < _MOST:
        current = stack.pop()
        if current < 0 or current in seen or not recording.tokens[current].requires_grad:
            continue
        seen.add(current)
        producer = recording.tokens[current].producer
        if producer < 0 or not any(recording.tokens[one].requires_grad for one in _inputs(recording, producer)):
            found.add(current)
        else:
            stack.extend(recording.calls[producer].inputs)
    return found


def _inputs(recording: Recording, index: int) -> list[int]:
    return [token for token in recording.calls[index].inputs if token >= 0]


def _is_squared(recording: Recording, index: int) -> bool:
    """Whether a difference goes into a square or an absolute value, number by number."""
    reached = set(recording.calls[index].outputs)
    for call in recording.calls[index + 1 :]:
        if reached.isdisjoint(call.inputs):
            continue
        name = call.operation.name
        if name in _SQUARES or (name in MULTIPLICATIONS and len(set(call.inputs)) == 1 and len(call.inputs) == 2):
            return True
        if name in _SAME:
            reached.update(call.outputs)
            if name == "__setitem__":
                reached.update(call.inputs[:1])
    return False
