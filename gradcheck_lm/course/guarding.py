"""Around every call of a learner's function: the world afterwards is compared with the world before."""

from __future__ import annotations

import functools
import random
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.course.expect import wrong
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.mutating.effects import modules_in, tensors_in

# what a call may leave changed only where check.py says so, in a table MAY_CHANGE: function -> these words
WORLD = ("grad", "requires_grad", "mode", "random", "grad_mode", "dtype", "value", "graph")


@dataclass
class _Tensor:
    tensor: Tensor
    value: Tensor
    requires_grad: bool
    grad: Tensor | None
    grad_value: Tensor | None
    lent: bool  # a mark was put into an empty .grad, so that clearing it shows


class Guarded:
    """A learner's module of which every function is watched; everything else is as it is.

    Args:
        module: the learner's file.
        may_change: function -> words of WORLD that it is there to change.
    """

    def __init__(self, module: types.ModuleType, may_change: Mapping[str, set[str]]) -> None:
        self._module, self._may_change = module, may_change

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, types.FunctionType):
            return _watched(value, name, set(self._may_change.get(name, ())))
        return value


def _watched(function: Callable[..., Any], name: str, allowed: set[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        given = tuple(list(one) if isinstance(one, Iterator) else one for one in given)
        everything = [*given, *named.values()]
        tensors = _noted(everything, lend="grad" not in allowed)
        modules = [(one, one.training) for module in modules_in(everything) for one in module.modules()]
        modes = torch.is_grad_enabled(), torch.get_default_dtype()
        torch_random, python_random = torch.get_rng_state(), random.getstate()
        try:
            result = function(*given, **named)
            graphs = [] if "graph" in allowed else _graphs(everything)
            if "graph" not in allowed:
                _expect_graphs(graphs, name)
            _expect_same(tensors, modules, name, allowed)
            if "random" not in allowed:
                same = torch.equal(torch_random, torch.get_rng_state()) and python_random == random.getstate()
                _expect(same, name, "乱数の状態", "the random state")
            _expect("grad_mode" in allowed or torch.is_grad_enabled() == modes[0], name,
                    "勾配を記録するかどうかの設定", "whether gradients are recorded")  # fmt: skip
            _expect("dtype" in allowed or torch.get_default_dtype() is modes[1], name, "既定の型", "the default dtype")
        finally:
            for one in tensors:
                if one.lent and one.tensor.grad is one.grad:
                    one.tensor.grad = None
        return result

    return call


def _noted(everything: list[Any], *, lend: bool) -> list[_Tensor]:
    found, seen = [], set()
    for tensor in tensors_in(everything):
        if id(tensor) in seen or tensor.is_sparse or tensor.device.type == "meta":
            continue
        seen.add(id(tensor))
        grad = tensor.grad if tensor.is_leaf else None
        lent = lend and grad is None and tensor.is_leaf and tensor.requires_grad
        if lent:
            grad = tensor.grad = torch.full_like(tensor, 0.125)
        kept = None if grad is None else grad.detach().clone()
        found.append(_Tensor(tensor, tensor.detach().clone(), tensor.requires_grad, grad, kept, lent))
    return found


def _expect(condition: bool, name: str, ja: str, en: str) -> None:
    if not condition:
        wrong(
            ja="`{name}` を呼んだあと、{what}が呼ぶ前と違います。結果を返すだけの関数は、周りを変えてはいけません。",
            en="After `{name}` was called, {what} differs from before. A function that only answers must leave "
            "the world as it was.",
            name=name, what=Words(ja, en),
        )  # fmt: skip


def _expect_same(tensors: list[_Tensor], modules: list[tuple[nn.Module, bool]], name: str, allowed: set[str]) -> None:
    for one in tensors:
        tensor = one.tensor
        if "requires_grad" not in allowed:
            _expect(tensor.requires_grad == one.requires_grad, name, "引数の `requires_grad` ",
                    "`requires_grad` of an argument")  # fmt: skip
        if "value" not in allowed:
            same = torch.equal(tensor.detach(), one.value) or bool(one.value.isnan().any())
            _expect(same, name, "引数の値", "the value of an argument")
        if "grad" not in allowed and tensor.is_leaf:
            now = tensor.grad
            same = now is one.grad and (now is None or one.grad_value is None or torch.equal(now, one.grad_value))
            hint = "`torch.autograd.grad` gives gradients without writing them"
            _expect(same, name, "引数の `.grad` (`torch.autograd.grad` は書き込まずに勾配を返します)",
                    f"`.grad` of an argument ({hint})")  # fmt: skip
    if "mode" not in allowed:
        _expect(all(module.training == training for module, training in modules), name,
                "モデルの学習モードと評価モードの設定", "the mode, training or evaluation, of a model")  # fmt: skip


def _graphs(everything: list[Any]) -> list[Tensor]:
    return [one for one in tensors_in(everything) if one.grad_fn is not None][:8]


def _expect_graphs(graphs: list[Tensor], name: str) -> None:
    from gradcheck_lm.course.mutating.effects import leaves_of

    for one in graphs:
        leaves = leaves_of(one)
        if not leaves or one.numel() == 0:
            continue
        try:
            torch.autograd.grad(one.sum(), leaves, allow_unused=True, retain_graph=True)
        except RuntimeError as error:
            if "second time" not in str(error):
                continue
            wrong(
                ja="`{name}` を呼んだあと、引数の計算グラフはもう使えません。`retain_graph=True` で残してください。",
                en="After `{name}` was called, the graph of its argument is used up: keep it with `retain_graph=True`.",
                name=name,
            )
