"""What generated mutants do to values while they run; each says whether it changed anything at all."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.course.checking.contents import modules_in, tensors_in
from gradcheck_lm.flow.gradients.nodes import reachable_leaves

_applied: list[str] = []  # an effect that never changed anything made no mutant


def applied() -> bool:
    """Whether any effect has changed anything since `begin_anew`."""
    return bool(_applied)


def begin_anew() -> None:
    """Forget what was applied."""
    _applied.clear()


def _did(name: str) -> None:
    if not _applied:
        _applied.append(name)


def _on_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_on_tensors(one, change) for one in value)
    if type(value) is dict:
        return {name: _on_tensors(one, change) for name, one in value.items()}
    return value


def detach(value: Any) -> Any:
    """Every tensor off its graph."""

    def change(tensor: Tensor) -> Tensor:
        if tensor.requires_grad:
            _did("detach")
        return tensor.detach()

    return _on_tensors(value, change)


def negate(value: Any) -> Any:
    """The opposite sign."""

    def change(tensor: Tensor) -> Tensor:
        if tensor.dtype is torch.bool or not tensor.numel():
            return tensor
        _did("negate")
        return -tensor

    if isinstance(value, bool):
        _did("negate")
        return not value
    if isinstance(value, int | float):
        _did("negate")
        return -value
    return _on_tensors(value, change)


def absolute(value: Any) -> Any:
    """The sign lost."""

    def change(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point() and bool((tensor.detach() < 0).any()):
            _did("absolute")
            return tensor.abs()
        return tensor

    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        _did("absolute")
        return abs(value)
    return _on_tensors(value, change)


def length(value: Any) -> Any:
    """A tensor's norm in place of its entries."""

    def change(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point() or tensor.numel() < 2:
            return tensor
        _did("length")
        return tensor.norm()

    return _on_tensors(value, change)


def axis_0(value: Any) -> Any:
    """The first slice of each tensor, in place of all of them."""

    def change(tensor: Tensor) -> Tensor:
        if tensor.ndim < 2 or len(tensor) < 2:
            return tensor
        _did("axis 0")
        return tensor[:1].expand_as(tensor)

    return _on_tensors(value, change)


def some(value: Any, kept: str) -> Any:
    """A part of a sequence: its "first" or "last" alone, all but the first ("tail"), all but the last ("head")."""
    if isinstance(value, dict):
        return dict(some(list(value.items()), kept))
    if isinstance(value, Tensor) and not value.ndim:
        return value
    if isinstance(value, Tensor | list | tuple):
        whole: Any = value
    elif isinstance(value, Iterator | Iterable) and not isinstance(value, str | nn.Module):
        whole = list(value)
    else:
        return value
    if len(whole) < 2:
        return whole
    _did(kept)
    return {"first": whole[:1], "last": whole[-1:], "tail": whole[1:], "head": whole[:-1]}[kept]


def close(a: Any, b: Any, tolerance: float = 0.05) -> bool:
    """Equal within a wide tolerance, where equality was asked for."""
    _did("close")
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)
    if isinstance(a, int | float) and isinstance(b, int | float) and not isinstance(a, bool):
        return abs(a - b) <= tolerance * max(abs(a), abs(b), 1.0)
    return bool(a == b)


def not_tiny(value: Tensor) -> Tensor:
    """Other than 0 by more than a tolerance, where other than 0 was asked for."""
    _did("not tiny")
    return value.abs() > 1e-3


def _spoil_grad(everything: list[Any]) -> None:
    for leaf in _leaves_in(everything):
        if leaf.requires_grad:
            _did("grad")
            leaf.grad = torch.ones_like(leaf) if leaf.grad is None else None


def _spoil_requires_grad(everything: list[Any]) -> None:
    for leaf in _leaves_in(everything):
        _did("requires_grad")
        leaf.requires_grad_(not leaf.requires_grad)


def _spoil_mode(everything: list[Any]) -> None:
    for module in {id(one): one for one in modules_in(everything)}.values():
        _did("mode")
        module.train(not module.training)


def _spoil_random(_: list[Any]) -> None:
    _did("random")
    torch.manual_seed(1234)
    random.seed(1234)


def _spoil_grad_mode(_: list[Any]) -> None:
    _did("grad mode")
    torch.set_grad_enabled(False)


def _spoil_graph(everything: list[Any]) -> None:
    for one in _tensors_once(everything):
        if one.grad_fn is not None:
            _did("graph")
            if leaves := reachable_leaves(one):
                torch.autograd.grad(one.sum(), leaves, allow_unused=True)


def _spoil_value(everything: list[Any]) -> None:
    for one in _tensors_once(everything):
        if one.is_floating_point() and one.numel():
            _did("value")
            one.data.mul_(1.5)


def _tensors_once(everything: list[Any]) -> list[Tensor]:
    return list({id(one): one for one in tensors_in(everything)}.values())


def _leaves_in(everything: list[Any]) -> list[Tensor]:
    return [one for one in _tensors_once(everything) if one.is_leaf and one.is_floating_point()]


# what is changed of the world -> changes it for all arguments
SIDE_EFFECTS: dict[str, Callable[[list[Any]], None]] = {
    "grad": _spoil_grad, "requires_grad": _spoil_requires_grad, "mode": _spoil_mode, "random": _spoil_random,
    "grad mode": _spoil_grad_mode, "graph": _spoil_graph, "value": _spoil_value,
}  # fmt: skip


def after(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """The same function with one of SIDE_EFFECTS."""

    def spoilt(*given: Any, **named: Any) -> Any:
        given = tuple(list(one) if isinstance(one, Iterator) else one for one in given)
        result = function(*given, **named)
        SIDE_EFFECTS[kind]([*given, *named.values()])
        return result

    return spoilt
