"""Around every call of a learner's function: the world afterwards is compared with the world before."""

from __future__ import annotations

import functools
import random
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.course.checking.contents import modules_in, tensors_in
from gradcheck_lm.course.expect import wrong
from gradcheck_lm.course.language import Words
from gradcheck_lm.errors import DataError
from gradcheck_lm.flow.gradients.nodes import reachable_leaves

# what a call may leave changed only where check.py says so, in a table MAY_CHANGE: function -> these words
WORLD = ("grad", "requires_grad", "mode", "random", "grad mode", "dtype", "value", "graph")
_GRAPHS = 8  # of the arguments at most are walked backwards after each call


def may_change_of(check: Callable[..., Any]) -> Mapping[str, set[str]]:
    """The table MAY_CHANGE of the check.py that a check stands in; empty where there is none.

    Raises:
        DataError: a word of it is none of WORLD, and would allow nothing.
    """
    table: Mapping[str, set[str]] = check.__globals__.get("MAY_CHANGE", {})
    for name, words in table.items():
        if unknown := sorted(set(words) - set(WORLD)):
            raise DataError(f"MAY_CHANGE[{name!r}] holds {unknown[0]!r}; it may hold {', '.join(WORLD)}")
    return table


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

    Attributes:
        last_call: name of the function called last, and what it returned; "" before the first.
    """

    def __init__(self, module: types.ModuleType, may_change: Mapping[str, set[str]]) -> None:
        self._module, self._may_change = module, may_change
        self.last_call: tuple[str, Any] = ("", None)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, types.FunctionType):
            return _watched(value, name, set(self._may_change.get(name, ())), self._note)
        return value

    def _note(self, name: str, result: Any) -> None:
        self.last_call = name, result


def _watched(
    function: Callable[..., Any], name: str, allowed: set[str], note: Callable[[str, Any], None]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        seen = [list(one) if isinstance(one, Iterator) else one for one in given]
        before = _World([*seen, *named.values()], allowed)
        # what can be gone through only once stays so
        given = tuple(iter(one) if isinstance(was, Iterator) else one for one, was in zip(seen, given, strict=True))
        try:
            result = function(*given, **named)
            before.expect_same(name)
        finally:
            before.take_marks_back()
        note(name, result)
        return result

    return call


class _World:
    """What a call could change, as it was before it.

    Args:
        everything: the arguments.
        allowed: words of WORLD that are not looked at.
    """

    def __init__(self, everything: list[Any], allowed: set[str]) -> None:
        self._everything, self._allowed = everything, allowed
        self._tensors = _noted(everything, lend="grad" not in allowed)
        self._modes = [(part, part.training) for module in modules_in(everything) for part in module.modules()]
        self._grad_mode, self._dtype = torch.is_grad_enabled(), torch.get_default_dtype()
        self._torch_random, self._python_random = torch.get_rng_state(), random.getstate()

    def expect_same(self, name: str) -> None:
        """Reject the answer where its function `name` has changed something."""
        allowed = self._allowed
        if "graph" not in allowed:
            _expect_graphs([one for one in tensors_in(self._everything) if one.grad_fn is not None][:_GRAPHS], name)
        for one in self._tensors:
            _expect_same_tensor(one, name, allowed)
        same = all(module.training == training for module, training in self._modes)
        _expect("mode" in allowed or same, name, "モデルの学習モードと評価モードの設定",
                "the mode, training or evaluation, of a model")  # fmt: skip
        same = torch.equal(self._torch_random, torch.get_rng_state()) and self._python_random == random.getstate()
        _expect("random" in allowed or same, name, "乱数の状態", "the random state")
        _expect("grad mode" in allowed or torch.is_grad_enabled() == self._grad_mode, name,
                "勾配を記録するかどうかの設定", "whether gradients are recorded")  # fmt: skip
        same = torch.get_default_dtype() is self._dtype
        _expect("dtype" in allowed or same, name, "既定の型", "the default dtype")

    def take_marks_back(self) -> None:
        """Empty each .grad again that a mark was put into."""
        for one in self._tensors:
            if one.lent and one.tensor.grad is one.grad:
                one.tensor.grad = None


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


def _expect_same_tensor(one: _Tensor, name: str, allowed: set[str]) -> None:
    tensor = one.tensor
    same = tensor.requires_grad == one.requires_grad
    _expect("requires_grad" in allowed or same, name, "引数の `requires_grad` ", "`requires_grad` of an argument")
    if "value" not in allowed:
        same = torch.equal(tensor.detach(), one.value) or bool(one.value.isnan().any())
        _expect(same, name, "引数の値", "the value of an argument")
    if "grad" not in allowed and tensor.is_leaf:
        now = tensor.grad
        same = now is one.grad and (now is None or one.grad_value is None or torch.equal(now, one.grad_value))
        hint = "`torch.autograd.grad` gives gradients without writing them"
        _expect(same, name, "引数の `.grad` (`torch.autograd.grad` は書き込まずに勾配を返します)",
                f"`.grad` of an argument ({hint})")  # fmt: skip


def _expect_graphs(graphs: list[Tensor], name: str) -> None:
    for one in graphs:
        leaves = reachable_leaves(one)
        if not leaves or one.numel() == 0:
            continue
        try:
            torch.autograd.grad(one.sum(), leaves, allow_unused=True, retain_graph=True)
        except RuntimeError as error:
            if "second time" not in str(error):
                continue
            wrong(
                ja="`{name}` を呼んだあと、引数の計算グラフはもう使えません。`retain_graph=True` で残すか、"
                "引数の勾配が要らないなら、先に `detach()` で切り離してください。",
                en="After `{name}` was called, the graph of its argument is used up. Keep it with `retain_graph=True`, "
                "or cut the argument off with `detach()` first where its gradient is not wanted.",
                name=name,
            )
