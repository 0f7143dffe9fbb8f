"""The ratio of a policy's probabilities to those of before: by the same weights it is 1, or they are of others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.tape import OPEN, Recording, TargetDoubt

CAUSE = "ratio_at_start"
_DIFFERENCES = words("sub __sub__ __rsub__ subtract")
_COLLECTING = words(
    "__getitem__ stack cat flatten view reshape squeeze unsqueeze detach clone index_select split to float"
)
_LEAST = 4  # samples
_OFF = 1e-3  # from 1: more than float32 rounds in a sum of some hundred log-probabilities
_FAR = 4000  # calls that are walked back from the old probabilities: a rollout has many


def doubtful_ratios(recording: Recording, nodes: Iterable[Any]) -> Iterator[TargetDoubt]:
    """Each exp(new - old) that is not 1 though the old one was computed by the very same weights, without a gradient.

    Args:
        nodes: of the losses' graphs, which still hold what they save.
    """
    for node in nodes:
        if not str(node.name()).startswith("ExpBackward"):
            continue
        index = recording.call_of(node)
        if index is None or (pair := _new_and_old(recording, index)) is None:
            continue
        new, old = pair
        if _is_made_of(recording, old, new):
            continue  # its own largest, as a softmax by hand takes it away
        made_by, made_at = _weights(recording, old, off=True)
        if made_at is None or made_by != _weights(recording, new, off=False)[0]:
            continue
        try:
            ratio = node._saved_result
        except RuntimeError:  # freed, or overwritten
            continue
        if isinstance(ratio, torch.Tensor) and ratio.numel() >= _LEAST and float((ratio - 1).abs().max()) > _OFF:
            low, high = (float(end) for end in torch.aminmax(ratio))
            values = {
                "low": f"{low:.3g}",
                "high": f"{high:.3g}",
                "old": where(recording.calls[_computed(recording, old)].site),
            }
            yield TargetDoubt("mispaired", CAUSE, index, values)
            return


def _new_and_old(recording: Recording, index: int) -> tuple[int, int] | None:
    """Of the exponential of a difference what learns, and what does not."""
    token = recording.calls[index].inputs[0] if recording.calls[index].inputs else -1
    producer = recording.tokens[token].producer if token >= 0 else -1
    call = recording.calls[producer] if producer >= 0 else None
    if call is None or call.operation.name not in _DIFFERENCES or len(call.inputs) != 2 or min(call.inputs) < 0:
        return None
    one, other = call.inputs
    grads = recording.tokens[one].requires_grad, recording.tokens[other].requires_grad
    shapes = recording.tokens[one].shape, recording.tokens[other].shape
    if shapes[0] != shapes[1] or not shapes[0]:
        return None
    return {(True, False): (one, other), (False, True): (other, one)}.get(grads)


def _is_made_of(recording: Recording, old: int, new: int) -> bool:
    """Whether the old one was computed from the very values that it is taken from."""
    behind = itertools.islice(recording.behind([old]), _FAR)
    return any(new in recording.calls[index].inputs for index in behind)


def _computed(recording: Recording, token: int) -> int:
    """The call that computed a value, before it was collected, reshaped and picked from."""
    call = recording.tokens[token].producer
    while recording.calls[call].operation.name in _COLLECTING:
        token = next(iter(recording.calls[call].inputs), -1)
        before = recording.tokens[token].producer if token >= 0 else -1
        if before < 0:
            break
        call = before
    return call


def _weights(recording: Recording, token: int, *, off: bool) -> tuple[set[int], int | None]:
    """The trained leaves that a value was computed from, and the last call that read one.

    Args:
        off: by calls with gradient switched off; none at all where one had it on.
    """
    leaves, last = set[int](), None
    waiting, seen = [token], set[int]()
    while waiting:
        producer = recording.tokens[one].producer if (one := waiting.pop()) >= 0 else -1
        if producer < 0 or producer in seen:
            continue
        seen.add(producer)
        if len(seen) > _FAR:
            return set(), None
        call = recording.calls[producer]
        for read in call.inputs:
            if not _is_leaf(recording, read):
                waiting.append(read)
                continue
            if off and call.scope == OPEN and not call.operation.name.endswith("_"):  # but to initialise it
                return set(), None
            leaves.add(read)
            last = producer if last is None else max(last, producer)
    return leaves, last


def _is_leaf(recording: Recording, token: int) -> bool:
    """Whether a value asks for a gradient and comes from outside, from its constructor or from its initialisation."""
    if token < 0 or not recording.tokens[token].requires_grad:
        return False
    producer = recording.tokens[token].producer
    return producer < 0 or recording.calls[producer].scope != OPEN or not recording.calls[producer].live
