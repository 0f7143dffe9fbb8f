"""Values that a program itself fills with +inf, where -inf was meant, or with NaN: read off the text of the call."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterable

from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import call_at
from gradcheck_lm.flow.watching.tape import Call, Recording

_SOFTMAXES = words("softmax log_softmax scaled_dot_product_attention multi_head_attention_forward logsumexp")
_FILLS = words("masked_fill masked_fill_ where full full_like")
_NEAR = 12  # calls between the filling and the softmax


def filled_with_infinity(recording: Recording, softmax: int) -> int | None:
    """The call before a softmax that fills scores with +inf, by its text; None where there is none."""
    if recording.calls[softmax].operation.name not in _SOFTMAXES:
        return None
    near = itertools.islice(recording.behind(recording.calls[softmax].inputs), _NEAR)
    return next((index for index in near if float("inf") in _filled(recording.calls[index])), None)


def filled_with_nan(recording: Recording, tokens: Iterable[int]) -> int | None:
    """The last call on the way to a loss that fills something with NaN, by its text; None where there is none."""
    found = (index for index in recording.behind(tokens) if any(map(math.isnan, _filled(recording.calls[index]))))
    return max(found, default=None)


def _filled(call: Call) -> list[float]:
    """The numbers in the text of a call that fills."""
    text = call_at(call.site) if call.operation.name in _FILLS and call.site is not None else None
    given = [*text.args, *(one.value for one in text.keywords)] if text is not None else []
    return [value for one in given if (value := _number(one)) is not None]


def _number(node: ast.expr) -> float | None:
    """What `-float("-inf")`, `torch.inf` and their like stand for; None of anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Attribute) and node.attr in ("inf", "infty", "nan"):
        return float(node.attr.removesuffix("ty"))
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "float"
        and len(node.args) == 1
    ):
        argument = node.args[0]
        try:
            return float(argument.value) if isinstance(argument, ast.Constant) else None  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return None
    return None
