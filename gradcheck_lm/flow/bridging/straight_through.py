"""How an operation is bridged: its own value, bit for bit, and a gradient that goes on to its input.

| operation | where its gradient goes |
|---|---|
| argmax, argmin, the indices of max, min, topk, sort, argsort, kthvalue, median | SoftSort's weights softmax(-abs(chosen - x)), for argmax softmax(x): to an embedding or one_hot as weights over the classes, to arithmetic as the expected index |
| multinomial | the same, with the probabilities as weights |
| a > b, a >= b (a < b, a <= b) | to a - b (b - a), unchanged; a == b as -abs(a - b) |
| normal(mean, std) | mean + std * noise (reparameterisation) |
| round, floor, sign, clamp, casts, bernoulli, bucketize and all else that keeps the shape | to the input, unchanged |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.tape import FLOATS

_MOST = 50_000_000  # weights of one choice: above this a probe costs more memory than it is worth
_LESS = words("lt le __lt__ __le__ less less_equal")
_EQUAL = words("eq ne __eq__ __ne__ not_equal")
COMPARISONS = words("gt ge __gt__ __ge__ greater greater_equal") | _LESS | _EQUAL
_CHOICES = words("argmax argmin argsort max min topk sort kthvalue median nanmedian mode")


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, soft: Tensor, hard: Tensor) -> Tensor:
        return hard.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of `hard` with the gradient of `soft`, which has the same shape."""
    dtype = hard.dtype if hard.dtype in FLOATS else soft.dtype
    return _StraightThrough.apply(soft.to(dtype), hard.detach().to(dtype))


@dataclass
class Carrier:
    """The gradient's way past a tensor that cannot carry one."""

    value: Tensor  # the tensor's own numbers in floating point
    weights: Tensor | None = None  # (*shape, classes): for a choice, 1 at the class chosen, with a soft gradient

    @staticmethod
    def over(hard: Tensor, soft: Tensor) -> Carrier:
        """Of a tensor and a soft form of the same shape."""
        return Carrier(straight_through(hard, soft))


def bridge(name: str, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> dict[int, Carrier] | None:
    """Carriers for the outputs of an operation, by their place; None where no mapping of shapes makes sense.

    Args:
        name: the operation's, e.g. "argmax".
        args: its arguments, each tensor in the form that carries a gradient.
        result: what the real operation gave.
    """
    outputs = [result] if isinstance(result, Tensor) else list(result) if isinstance(result, list | tuple) else []
    source = next((value for value in args if isinstance(value, Tensor)), None)
    if source is None or not outputs:
        return None
    if name in _CHOICES:
        place = next((i for i, output in enumerate(outputs) if output.dtype is torch.int64), None)
        if place is not None:
            found = _choice(name, source, outputs[place], args, kwargs)
            return None if found is None else {place: found}
    hard = outputs[0]
    if name == "multinomial":
        weights = source / source.sum(-1, keepdim=True)
        return {0: _weighted(hard, weights.unsqueeze(-2).expand(*hard.shape, source.shape[-1]))}
    soft: Tensor | None
    if name in COMPARISONS:
        soft = _difference(name, args)
    elif name == "normal" and len(args) > 1:
        soft = _reparameterised(hard, args)
    else:  # where an input has the result's shape: the identity
        given = (*args, *kwargs.values())
        live = [value for value in given if isinstance(value, Tensor) and value.requires_grad]
        soft = next((value for value in live if value.shape == hard.shape), None)
    if soft is None or soft.shape != hard.shape:
        return None
    return {0: Carrier.over(hard, soft)}


def _choice(name: str, scores: Tensor, indices: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Carrier | None:
    """SoftSort (Prillo and Eisenschlos 2020) at temperature 1, for the places chosen along one axis."""
    place = 2 if name in ("topk", "kthvalue") else 1  # topk(x, k, dim)
    given = args[place] if len(args) > place else None if name in ("argmax", "argmin") else -1
    dim = kwargs.get("dim", kwargs.get("axis", given))
    if dim is None or scores.dim() == 0:
        scores, dim = scores.reshape(-1), 0
    kept = indices.dim() == scores.dim()
    rows = scores.movedim(dim, -1)
    chosen = indices.movedim(dim, -1) if kept else indices.unsqueeze(-1)
    if chosen.numel() * rows.shape[-1] > _MOST:
        return None
    picked = rows.gather(-1, chosen)
    soft = torch.softmax(-(picked.unsqueeze(-1) - rows.unsqueeze(-2)).abs(), -1)  # (..., chosen, classes)
    return _weighted(indices, soft.movedim(-2, dim if dim >= 0 else dim - 1) if kept else soft.squeeze(-2))


def _weighted(indices: Tensor, soft: Tensor) -> Carrier:
    hard = torch.nn.functional.one_hot(indices, soft.shape[-1]).to(soft.dtype)
    weights = straight_through(hard, soft)
    places = torch.arange(soft.shape[-1], dtype=soft.dtype, device=soft.device)
    return Carrier(straight_through(indices, weights @ places), weights)


def _difference(name: str, args: Sequence[Any]) -> Tensor:
    left, right = args[0], args[1]
    if name in _EQUAL:
        apart = (left - right).abs()
        return apart if name in ("ne", "__ne__", "not_equal") else -apart
    return right - left if name in _LESS else left - right


def _reparameterised(drawn: Tensor, args: Sequence[Any]) -> Tensor:
    mean, std = args[0], args[1]
    with torch.no_grad():
        noise = (drawn - mean) / std
    return mean + std * torch.nan_to_num(noise)
