"""What a square matrix was reduced to, row by row, laid over its columns: no shape shows that its axis is gone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import Site, expression_at, line_of
from gradcheck_lm.flow.watching.source import called
from gradcheck_lm.flow.watching.tape import Call, Recording

_SHIFTS = words("sub __sub__ __rsub__ rsub subtract div __truediv__ __rtruediv__ divide true_divide")
_REDUCTIONS = words("max min amax amin sum mean logsumexp norm vector_norm std var nansum nanmean median")
_NORMS = words("norm vector_norm")  # the first number given is the order, not the axis
_ELEMENTWISE = (
    _SHIFTS
    | MULTIPLICATIONS
    | words(
        """
        add __add__ __radd__ neg exp log log1p expm1 sqrt rsqrt pow __pow__ square abs relu sigmoid tanh softplus clamp
        clamp_min clamp_max clip detach clone contiguous float double half to masked_fill where maximum minimum
        """
    )
)


def warn_of_reduced_axis(evidence: Evidence, chain: Chain) -> None:
    """A warning for each subtraction or division by which a row's number meets another row's."""
    recording = evidence.recording
    for index, reduction in _misplaced(recording):
        call, reduced = recording.calls[index], recording.calls[reduction]
        if not evidence.leads_to_a_term(call):
            continue
        values = {
            "function": reduced.operation.title, "line": where(reduced.site),
            "size": str(recording.tokens[call.outputs[0]].shape[0]),
        }  # fmt: skip
        draft = Draft("suspicious_shape", index, "likely", "warning", cause="reduced_axis", values=values)
        chain.put(draft, key=("reduced axis", None if call.site is None else line_of(call.site)))


def may_misplace(recording: Recording) -> bool:
    """Whether there is such a subtraction or division."""
    return any(True for _ in _misplaced(recording))


def _misplaced(recording: Recording) -> Iterator[tuple[int, int]]:
    """(the subtraction or division, the reduction)."""
    tokens = recording.tokens
    for index, call in enumerate(recording.calls):
        if call.operation.name not in _SHIFTS or len(call.inputs) != 2 or not call.live or not call.outputs:
            continue
        for matrix, vector in (call.inputs, call.inputs[::-1]):
            if min(matrix, vector) < 0 or not tokens[matrix].requires_grad:
                continue
            shape = tokens[matrix].shape
            if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2 or tokens[vector].shape != shape[1:]:
                continue
            reduction = _reduction(recording, vector)
            if reduction is not None and _is_of_rows(recording, reduction, matrix):
                yield index, reduction


def _reduction(recording: Recording, token: int) -> int | None:
    """The call that made a vector of a square matrix, seen through what is done to each number by itself."""
    shape = recording.tokens[token].shape
    while token >= 0 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        sources = [source for source in call.inputs if source >= 0]
        if len(sources) != 1:
            return None
        before = recording.tokens[sources[0]].shape
        if call.operation.name in _REDUCTIONS and before == (*shape, *shape):
            return index
        if call.operation.name not in _ELEMENTWISE or before != shape:
            return None
        token = sources[0]
    return None


def _is_of_rows(recording: Recording, reduction: int, matrix: int) -> bool:
    """Whether it went over the last axis of a matrix that another is made of, element by element, and stays a row.

    What is also stood up as a column scales a matrix from both sides, as the degrees of a graph do.
    """
    call = recording.calls[reduction]
    if call.site is None or _axis(call, call.site) not in (1, -1):
        return False
    related = _elementwise_sources(recording, matrix) & _elementwise_sources(recording, call.inputs[0])
    return bool(related) and not _is_stood_up(recording, reduction)


def _elementwise_sources(recording: Recording, token: int) -> set[int]:
    shape, waiting, seen = recording.tokens[token].shape, [token], set[int]()
    while waiting:
        one = waiting.pop()
        if one in seen or one < 0 or recording.tokens[one].shape != shape:
            continue
        seen.add(one)
        producer = recording.tokens[one].producer
        if producer >= 0 and recording.calls[producer].operation.name in _ELEMENTWISE:
            waiting += recording.calls[producer].inputs
    return seen


def _is_stood_up(recording: Recording, reduction: int) -> bool:
    """Whether what a reduction gave, or something made of it alone, gets a second axis somewhere."""
    made = set(recording.calls[reduction].outputs)
    for call in recording.calls[reduction + 1 :]:
        if call.inputs and made.issuperset(call.inputs):
            if any(len(recording.tokens[output].shape) > 1 for output in call.outputs):
                return True
            made.update(call.outputs)
    return False


def _axis(call: Call, site: Site) -> int | None:
    """The axis that a reduction is told to go over; None where the text does not say it in numbers.

    With gradient off no node of autograd keeps it, so it is read off the line.
    """
    node = None if site.library_code is not None else expression_at(site.code, site.instruction)
    if not isinstance(node, ast.Call) or called(node) != call.operation.name:
        return None
    given = next((one.value for one in node.keywords if one.arg in ("dim", "axis")), None)
    if given is None:
        place = (call.operation.name in _NORMS) + (not call.operation.title.startswith("torch.Tensor."))
        given = node.args[place] if len(node.args) > place else None
    try:
        axis = None if given is None else ast.literal_eval(given)
    except ValueError:
        return None
    axis = axis[0] if isinstance(axis, tuple | list) and len(axis) == 1 else axis
    return axis if isinstance(axis, int) and not isinstance(axis, bool) else None
