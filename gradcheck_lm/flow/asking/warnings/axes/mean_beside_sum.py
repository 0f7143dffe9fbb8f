"""A loss of two terms, one averaged over the batch and the other summed over it: the batch's size weighs them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_SUMS = words("add __add__ __radd__ add_ __iadd__ sub __sub__ __rsub__")
_FACTORS = MULTIPLICATIONS | words("neg __neg__ clone")
_PILES = words("stack cat concat hstack")
_ROWS = words("sum mean logsumexp norm vector_norm amax max")  # of a matrix: one number for each sample
_ALONG = _FACTORS | words("view reshape squeeze flatten div __truediv__ relu clamp clamp_min")  # of a number for each
_MEAN, _TOTAL = 1, 2  # as autograd's nodes of losses keep them
_COMPOSED = words("l1_loss poisson_nll_loss")  # losses without a node of their own
_BATCH = 4  # samples; fewer are told apart from features by chance
_MOST = 40  # terms of one sum that are held against each other
_FAR = 400  # calls, on the way from a term back to the batch


def warn_of_mean_beside_sum(evidence: Evidence, chain: Chain) -> None:
    """A warning at the sum over a batch whose mean, of something else, stands beside it in the loss."""
    recording = evidence.recording
    if not may_add_sums(recording):
        return
    reductions = _reductions(evidence)
    for index in _whole_sums(recording):
        call = recording.calls[index]
        if not evidence.leads_to_a_term(call):
            continue
        found = list(itertools.islice(_added(recording, index, reductions), _MOST))
        means = [one for one in found if reductions[one[0]] == _MEAN]
        totals = [one for one in found if reductions[one[0]] == _TOTAL and _is_of_samples(recording, one[0])]
        for (mean, weight), (total, factor) in ((one, two) for one in means for two in totals):
            shape = recording.tokens[recording.calls[total].inputs[0]].shape
            averaged = recording.tokens[recording.calls[mean].inputs[0]].shape
            if averaged[:1] != shape[:1] or _makes_up(abs(factor), abs(weight), shape[0]):
                continue
            one, two = recording.calls[mean], recording.calls[total]
            values = {
                "mean": one.operation.title, "averaged": str(tuple(averaged)), "there": where(one.site),
                "sum": two.operation.title, "shape": str(tuple(shape)), "line": where(call.site),
            }  # fmt: skip
            draft = Draft("mixed_reductions", total, "likely", "warning", cause="over_the_batch", values=values)
            chain.put(draft, key=("mean beside sum", None if two.site is None else line_of(two.site)))


def may_add_sums(recording: Recording) -> bool:
    """Whether numbers that learn are added up."""
    return any(_adds_numbers(recording, index) for index in range(len(recording.calls)))


def _whole_sums(recording: Recording) -> list[int]:
    """Calls that add up numbers, each with all that was added before it."""
    adding = [index for index in range(len(recording.calls)) if _adds_numbers(recording, index)]
    parts = {token for index in adding for token in recording.calls[index].inputs}
    return [index for index in adding if parts.isdisjoint(recording.calls[index].outputs)]


def _makes_up(factor: float, weight: float, samples: int) -> bool:
    """Whether a factor of the sum may be there for the batch: as a mean the sum would weigh no more than the mean."""
    return factor * samples <= weight * (1 + 1e-4)  # rounding


def _adds_numbers(recording: Recording, index: int) -> bool:
    call = recording.calls[index]
    if call.operation.name == "sum" and len(call.inputs) == 1:
        return len(_piled(recording, call.inputs[0])) > 1
    return (
        call.operation.name in _SUMS
        and len(call.inputs) == 2
        and all(token >= 0 and not recording.tokens[token].shape for token in call.inputs)
        and all(recording.tokens[token].requires_grad for token in call.inputs)
    )


def _piled(recording: Recording, token: int) -> list[int]:
    """The numbers that learn of which a vector was made: torch.stack of the terms of a loss."""
    producer = recording.tokens[token].producer if token >= 0 else -1
    if producer < 0 or recording.calls[producer].operation.name not in _PILES:
        return []
    made = [one for one in recording.calls[producer].inputs if one >= 0]
    if any(recording.tokens[one].shape.numel() != 1 for one in made):
        return []
    return [one for one in made if recording.tokens[one].requires_grad]


def _added(recording: Recording, index: int, reductions: dict[int, int]) -> Iterator[tuple[int, float]]:
    """(a reduction, the factor since) of all that a call adds up, what was added before it too."""
    call = recording.calls[index]
    waiting = deque((token, 1.0) for token in (_piled(recording, call.inputs[0]) or call.inputs))
    while waiting:
        token, factor = waiting.popleft()
        producer = recording.tokens[token].producer
        if producer >= 0 and producer not in reductions and _adds_numbers(recording, producer):
            waiting.extend((one, factor) for one in recording.calls[producer].inputs)
        elif (reduced := _reduced(recording, token, reductions)) is not None:
            yield reduced[0], reduced[1] * factor


def _reductions(evidence: Evidence) -> dict[int, int]:
    """Calls that make one number of all they are given: a mean, or a total."""
    recording, found = evidence.recording, {}
    for index, call in enumerate(recording.calls):
        whole = len(call.inputs) == 1 and all(not recording.tokens[token].shape for token in call.outputs)
        if whole and call.operation.name in ("mean", "sum"):
            found[index] = _MEAN if call.operation.name == "mean" else _TOTAL
    for strand in evidence.strands:
        for node in walk_nodes(strand.root.grad_fn) if strand.root is not None and strand.root.requires_grad else ():
            if (made := recording.call_of(node)) is None:
                continue
            kept, composed = getattr(node, "_saved_reduction", None), recording.calls[made].operation.name in _COMPOSED
            if kept in (_MEAN, _TOTAL):
                found[made] = kept
            elif composed and str(node.name()) == "MeanBackward0":
                found[made] = _MEAN
    return found


def _reduced(recording: Recording, token: int, reductions: dict[int, int]) -> tuple[int, float] | None:
    """(the reduction that a number comes from, the factor since); None where it was divided, or is something else."""
    last = token
    while token >= 0 and (producer := recording.tokens[token].producer) >= 0:
        if producer in reductions:
            before, after = recording.scalars.get(token), recording.scalars.get(last)
            if before is None or after is None or float(before) == 0:
                return None
            return producer, float(after) / float(before)
        call = recording.calls[producer]
        trained = [one for one in call.inputs if one >= 0 and recording.tokens[one].requires_grad]
        if len(trained) != 1 or not (call.operation.name in _FACTORS or _adds_nothing(recording, call, trained[0])):
            return None
        token = trained[0]
    return None


def _adds_nothing(recording: Recording, call: Call, token: int) -> bool:
    """The 0 that Python's sum() begins with."""
    before, after = recording.scalars.get(token), recording.scalars.get(call.outputs[0])
    return call.operation.name in _SUMS and before is not None and after is not None and bool(before == after)


def _is_of_samples(recording: Recording, reduction: int) -> bool:
    """Whether what is summed has a row, or a number, for each sample: a batch that nothing trains leads to it."""
    token = recording.calls[reduction].inputs[0]
    shape = recording.tokens[token].shape
    if not shape or shape[0] < _BATCH:
        return False
    if (len(shape) < 2 or shape.numel() == shape[0]) and not _is_of_rows(recording, token):
        return False
    read = (one for index in itertools.islice(recording.behind([token]), _FAR) for one in recording.calls[index].inputs)
    return any(
        one >= 0 and not recording.tokens[one].requires_grad and recording.tokens[one].shape[:1] == shape[:1]
        for one in read
    )


def _is_of_rows(recording: Recording, token: int) -> bool:
    """Whether a column is what was left of the rows of a matrix, and nothing of its length weighs it on the way."""
    samples = recording.tokens[token].shape[0]
    reduced = False
    while (producer := recording.tokens[token].producer) >= 0:
        call = recording.calls[producer]
        learnt = [one for one in call.inputs if one >= 0 and recording.tokens[one].requires_grad]
        if any(recording.tokens[one].shape.numel() == samples for one in call.inputs if one >= 0 and one not in learnt):
            return False  # weights, a mask
        if reduced:
            return True
        if call.operation.name not in _ALONG | _ROWS or len(learnt) != 1:
            return False
        token = learnt[0]
        reduced = call.operation.name in _ROWS and recording.tokens[token].shape.numel() > samples
    return False
