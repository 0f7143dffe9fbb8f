"""What check.py files are written with: expectations whose failure names the likely mistake, in both languages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from gradcheck_lm.course.language import Words
from gradcheck_lm.course.say import plain_number

_LONGEST = 120  # characters of a value that a message shows


class Wrong(AssertionError):
    """The answer is wrong; `words` say in what way, and which mistake is likely."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.en)
        self.words = words


def wrong(*, ja: str, en: str, **values: object) -> NoReturn:
    """Reject the answer, with placeholders filled as in `say`."""
    words = Words(ja, en).filled(**{name: _showable(value) for name, value in values.items()})
    raise Wrong(Words(words.ja.strip(), words.en.strip()))  # code is set off by blanks where a sentence begins too


def case(en: str, ja: str = "") -> Words:
    """What messages call one of the cases that a check tries: words, or code, which is the same in both languages."""
    if ja:
        return Words("「{case}」", "`{case}`").filled(case=Words(ja, en))
    return Words(" `{code}` ", "`{code}`").filled(code=en)  # ja sets code off by blanks


def _showable(value: object) -> object:
    return value if isinstance(value, Words) else _Shown(plain_number(value))


class _Shown:
    """What a learner's function returned may be anything: a form that is meant for numbers must not be the error."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __format__(self, form: str) -> str:
        try:
            return format(self._value, form)
        except (TypeError, ValueError):
            text = str(self._value.tolist() if isinstance(self._value, Tensor) else self._value)
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"

    def __repr__(self) -> str:
        return repr(self._value)


def expect(condition: object, *, ja: str, en: str, **values: object) -> None:
    """Reject the answer unless `condition` holds."""
    if not condition:
        wrong(ja=ja, en=en, **values)


def expect_gradient(
    loss: Callable[[], Any], wrt: Tensor, truth: Tensor, *, what: Words | str, tolerance: float = 1e-5
) -> None:
    """The house rule: a path exists, AND the gradient is not zero, AND it has the right value.

    Args:
        loss: takes nothing and returns one number; called once.
        wrt: a leaf tensor that requires grad.
        truth: the right gradient, with the shape of `wrt`.
        what: names the loss in the messages; code in backticks is the same in both languages.
        tolerance: relative to the truth's norm.
    Raises:
        Wrong: saying which of the three is missing.
    """
    name = Words("{code} ", "{code}").filled(code=what) if isinstance(what, str) else what  # ja sets code off by blanks
    found = gradient(loss(), wrt)
    if found is None:
        wrong(
            ja="{name}から勾配が届きません。計算グラフが途中で切断されています。",
            en="No gradient arrives from {name}: the graph is cut on the way.",
            name=name,
        )
    size = float(found.norm())
    if size == 0.0:
        wrong(
            ja="{name}はつながっていますが、勾配はどこもちょうど 0 です。経路があるだけでは何も学習できません。",
            en="{name} is connected, and its gradient is exactly 0 everywhere: a path alone teaches nothing.",
            name=name,
        )
    error = float((found - truth).norm()) / max(float(truth.norm()), 1e-30)
    if not error <= tolerance:
        wrong(
            ja="{name}の勾配は 0 ではありませんが、値が違います(ノルム {size:.4g}、正しくは {right:.4g})。",
            en="The gradient of {name} is not zero, and it is not the right one "
            "(norm {size:.4g}, should be {right:.4g}).",
            name=name, size=size, right=float(truth.norm()),
        )  # fmt: skip


def gradient(loss: Any, wrt: Tensor) -> Tensor | None:
    """The gradient of a loss, without touching `.grad`; None where no path leads from it to `wrt`."""
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, wrt, allow_unused=True, retain_graph=True)[0]


def gradient_by_differences(function: Callable[[Tensor], Any], point: Tensor) -> Tensor:
    """The gradient of a function at a point by central differences; the point is not moved.

    Meant for float64 and a few dozen entries.
    """
    moving = point.detach().clone()
    return numerical_gradient(lambda: function(moving), moving)


def numerical_gradient(loss: Callable[[], Any], wrt: Tensor, *, step: float = 1e-6) -> Tensor:
    """Central differences, one entry at a time; `wrt` is put back. Meant for float64 and a few dozen entries."""
    result = torch.zeros_like(wrt)
    kept = wrt.detach().clone()
    for index in range(wrt.numel()):
        values = []
        for sign in (1.0, -1.0):
            moved = kept.clone()
            moved.view(-1)[index] += sign * step
            wrt.data.copy_(moved)
            value = loss()
            values.append(value.item() if isinstance(value, Tensor) else float(value))
        result.view(-1)[index] = (values[0] - values[1]) / (2 * step)
    wrt.data.copy_(kept)
    return result


def standard_errors(samples: Tensor, truth: Tensor) -> float:
    """How many standard errors the mean of independent samples lies from the truth, at its worst entry.

    Args:
        samples: (K, ...) K >= 2 independent estimates.
        truth: (...) what they should be on average.
    Returns:
        A number; above 4 the estimator is wrong rather than unlucky (for up to some hundred entries). Infinity where
        an entry never varies and is not the truth.
    """
    mean, spread = samples.mean(0), samples.std(0) / math.sqrt(len(samples))
    distance = (mean - truth).abs()
    exact = distance <= 1e-9 * (1 + truth.abs())
    return float(torch.where(exact, torch.zeros_like(distance), distance / spread).max())


# what a learner reads where a result of another type was given; of other types check.py says it itself
_CALLED: dict[type | tuple[type, ...], Words] = {
    Tensor: Words("テンソル", "a tensor"),
    float: Words(" `float` ", "a `float`"),
    (float, Tensor): Words("数", "a number"),
    bool: Words("`True` か `False`", "`True` or `False`"),
    list: Words("リスト", "a list"),
    (list, tuple): Words("リスト", "a list"),
}
_NO_RETURN = Words("`return` を忘れていませんか。", " Is a `return` missing?")


def expect_type(name: str, kinds: type | tuple[type, ...], value: object, *, kind: Words | str | None = None) -> None:
    """Reject a result of the wrong type, e.g. None from a function without `return`.

    Args:
        name: of the learner's function.
        kinds: the types that are right.
        value: what it returned.
        kind: names the types in the message, where they are none of those that many lessons ask for.
    """
    called = kind or _CALLED[kinds]
    if not isinstance(value, kinds):
        wrong(
            ja="`{name}` は{kind}を返すはずですが、{got} が返りました。{nudge}",
            en="`{name}` should return {kind}, but it returned {got}.{nudge}",
            name=name, kind=called, got="None" if value is None else f"`{type(value).__name__}`",
            nudge=_NO_RETURN if value is None else Words("", ""),
        )  # fmt: skip


def all_equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
