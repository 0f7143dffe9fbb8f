"""How a gradient goes on from a tensor that cannot carry one: through views, arithmetic, embeddings and masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gradcheck_lm.flow.bridging.straight_through import Carrier, straight_through
from gradcheck_lm.flow.operations.names import Operation, words
from gradcheck_lm.flow.watching.tape import FLOATS

_CASTS = words("long int to type short byte char bool type_as cpu cuda contiguous clone __deepcopy__")
_AND, _OR = words("__and__ __rand__ logical_and bitwise_and"), words("__or__ __ror__ logical_or bitwise_or")
_NOT = words("__invert__ logical_not bitwise_not")
_NO_WAY = (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError)  # torch's words for "not like this"

Find = Callable[[Tensor], Carrier | None]


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nesting of lists, tuples and dicts with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) is dict:
        return {key: map_tensors(item, change) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map_tensors(item, change) for item in value)
    return value


def carry(
    operation: Operation, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], result: Any, find: Find
) -> dict[int, Carrier]:
    """Carriers for the outputs of an operation on tensors with carriers; none where the gradient stops.

    Args:
        result: what the operation gave on the tensors themselves: its numbers are kept.
        find: the carrier of a tensor.
    """
    outputs = [result] if isinstance(result, Tensor) else list(result) if isinstance(result, list | tuple) else []
    if not outputs or not all(isinstance(output, Tensor) for output in outputs):
        return {}
    state = torch.get_rng_state()
    try:
        special = _SPECIAL.get(operation.name)
        soft = special(args, kwargs, result, find) if special is not None else None
        if soft is None:
            soft = _again(operation, func, args, kwargs, outputs, find)
    except _NO_WAY:
        return {}
    finally:
        torch.set_rng_state(state)  # the operation itself has drawn already
    found = {}
    for place, (output, carrier) in enumerate(zip(outputs, soft, strict=False)):
        if carrier is not None and carrier.value.requires_grad and carrier.value.shape == output.shape:
            weights = carrier.weights
            fits = weights is not None and weights.shape[:-1] == output.shape and output.dtype not in FLOATS
            found[place] = Carrier(straight_through(output, carrier.value), weights if fits else None)
    return found


def _again(
    operation: Operation, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], outputs: list[Tensor], find: Find
) -> list[Carrier | None]:
    """The operation once more, on the carriers."""
    if operation.name in _CASTS and outputs[0].dtype not in FLOATS:
        return [find(args[0])]
    values = func(*map_tensors(args, lambda tensor: _of(tensor, find)), **map_tensors(kwargs, lambda t: _of(t, find)))
    values = [values] if isinstance(values, Tensor) else list(values)
    rows: Sequence[Tensor | None] = _weights_again(func, args, kwargs, find) or [None] * len(values)
    return [Carrier(value, row) for value, row in zip(values, rows, strict=False)]


def _weights_again(func: Callable[..., Any], args: Any, kwargs: dict[str, Any], find: Find) -> list[Tensor] | None:
    """The operation on the weights, class by class: right for views and for joining, and kept for no other."""
    if getattr(func, "__name__", "") not in _MOVES:
        return None
    held: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        carrier = find(tensor)
        if carrier is None or carrier.weights is None:
            raise TypeError("only choices have weights")
        held.append(carrier.weights)
        return tensor

    try:
        map_tensors(args, note)

        def one(*rows: Tensor) -> Any:
            left = iter(rows)
            return func(*map_tensors(args, lambda _: next(left)), **kwargs)

        moved = torch.func.vmap(one, in_dims=-1, out_dims=-1)(*held)
    except _NO_WAY:
        return None
    return [moved] if isinstance(moved, Tensor) else list(moved)


_MOVES = words(
    """
    permute transpose t view reshape flatten squeeze unsqueeze expand select narrow stack cat concat repeat
    movedim swapaxes unbind split chunk __getitem__ view_as reshape_as unflatten flip roll tile __get__
    """
)


def _of(value: Any, find: Find) -> Any:
    carrier = find(value) if isinstance(value, Tensor) else None
    return value if carrier is None else carrier.value


def _looked_up(table: Tensor, weights: Tensor | None) -> list[Carrier | None] | None:
    return None if weights is None else [Carrier(torch.tensordot(weights.to(table.dtype), table, 1))]


def _weights(value: Any, find: Find) -> Tensor | None:
    carrier = find(value) if isinstance(value, Tensor) else None
    return None if carrier is None else carrier.weights


def _embedding(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    given = [value for value in (*args[:2], *kwargs.values()) if isinstance(value, Tensor)]
    table = next(value for value in given if value.dtype in FLOATS)
    ids = next(value for value in given if value.dtype not in FLOATS)
    return _looked_up(_fitting(table, _weights(ids, find)), _weights(ids, find))


def _fitting(table: Tensor, weights: Tensor | None) -> Tensor:
    """As many rows as there are classes: a choice of few is often looked up in a larger table."""
    return table if weights is None else table[: weights.shape[-1]]


def _getitem(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    base, index = args
    index = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    if not isinstance(index, Tensor) or index.dtype is torch.bool or find(base) is not None:
        return None
    return _looked_up(_fitting(base, _weights(index, find)), _weights(index, find))


def _index_select(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    base, dim, index = args
    weights = _weights(index, find)
    if weights is None:
        return None
    return [Carrier(torch.tensordot(weights.to(base.dtype), base.movedim(dim, 0), 1).movedim(0, dim))]


def _one_hot(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    weights = _weights(args[0], find)
    return None if weights is None else [Carrier(F.pad(weights, (0, result.shape[-1] - weights.shape[-1])))]


def _cross_entropy(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    weights = _weights(args[1] if len(args) > 1 else kwargs.get("target"), find)
    if weights is None or args[0].dim() != 2 or weights.shape[-1] > args[0].shape[-1]:
        return None
    target = F.pad(weights, (0, args[0].shape[-1] - weights.shape[-1]))
    return [Carrier(F.cross_entropy(args[0], target, reduction=kwargs.get("reduction", "mean")))]


def _where(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    if len(args) != 3 or find(args[0]) is None:
        return None
    mask = _of(args[0], find)
    return [Carrier(mask * _of(args[1], find) + (1 - mask) * _of(args[2], find))]


def _and(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    return [Carrier(_of(args[0], find) * _of(args[1], find))] if result.dtype is torch.bool else None


def _or(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    left, right = _of(args[0], find), _of(args[1], find)
    return [Carrier(left + right - left * right)] if result.dtype is torch.bool else None


def _not(args: Any, kwargs: Mapping[str, Any], result: Any, find: Find) -> list[Carrier | None] | None:
    return [Carrier(1 - _of(args[0], find))] if result.dtype is torch.bool else None


_SPECIAL: dict[str, Callable[..., list[Carrier | None] | None]] = {
    "embedding": _embedding,
    "__getitem__": _getitem,
    "index_select": _index_select,
    "one_hot": _one_hot,
    "cross_entropy": _cross_entropy,
    "where": _where,
    **dict.fromkeys(_AND, _and),
    **dict.fromkeys(_OR, _or),
    **dict.fromkeys(_NOT, _not),
}
