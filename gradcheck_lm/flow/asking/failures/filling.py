"""Scores that a mask fills with +inf where -inf was meant: read off the text of the call that fills them."""

from __future__ import annotations

import ast

from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import call_at
from gradcheck_lm.flow.watching.tape import Recording

_SOFTMAXES = words("softmax log_softmax scaled_dot_product_attention multi_head_attention_forward logsumexp")
_FILLS = words("masked_fill masked_fill_ where full full_like")
_NEAR = 12  # calls between the filling and the softmax


def filled_with_infinity(recording: Recording, softmax: int) -> int | None:
    """The call before a softmax that fills scores with +inf, by its text; None where there is none."""
    if recording.calls[softmax].operation.name not in _SOFTMAXES:
        return None
    waiting, seen = [softmax], set[int]()
    while waiting and len(seen) < _NEAR:
        index = waiting.pop(0)
        if index in seen:
            continue
        seen.add(index)
        call = recording.calls[index]
        text = call_at(call.site) if call.operation.name in _FILLS and call.site is not None else None
        values = [*text.args, *(one.value for one in text.keywords)] if text is not None else []
        if any(_number(one) == float("inf") for one in values):
            return index
        made = (recording.tokens[token].producer for token in call.inputs if token >= 0)
        waiting.extend(producer for producer in made if producer >= 0)
    return None


def _number(node: ast.expr) -> float | None:
    """What `-float("-inf")`, `torch.inf` and their like stand for; None of anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Attribute) and node.attr in ("inf", "Inf", "infty"):
        return float("inf")
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
