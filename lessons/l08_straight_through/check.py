"""Checks of exercise 8: bits of the value, gradients against finite differences of the surrogate, and deceivers."""

import torch
import torch.nn.functional as F

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, numerical_gradient
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")
WHAT = {"letters": Words("文字", "letters"), "embeddings": Words("埋め込み", "embeddings")}


def one_hot(logits):
    """The letters of the largest logits."""
    return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)


def logits_and_weights():
    """Logits of 4 letters of 3 classes, and a weight for each entry."""
    torch.manual_seed(51)
    return torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)


def score(letters):
    """A score that is curved, so that its slope at hard letters is not that at soft ones."""
    _, weights = logits_and_weights()
    return ((letters * weights).sum(-1).exp() * torch.arange(1.0, 1.0 + len(letters), dtype=letters.dtype)).sum()


def slope_at_hard(logits):
    """The slope of the score at the hard letters."""
    letters = one_hot(logits.detach()).requires_grad_()
    return torch.autograd.grad(score(letters), letters)[0]


def check_value_to_the_bit(answer):
    """the value is that of hard, to the bit, for letters and for embeddings
    文字でも埋め込みでも、値は hard と 1 ビットも違わない"""
    torch.manual_seed(52)
    for dtype in (torch.float32, torch.float64):
        logits, table = 3 * torch.randn(5000, 7, dtype=dtype), torch.randn(7, 4, dtype=dtype)
        letters = one_hot(logits), logits.softmax(-1)
        for name, (hard, soft) in {"letters": letters, "embeddings": tuple(one @ table for one in letters)}.items():
            found = answer.straight_through(hard, soft.requires_grad_())
            expect_type("straight_through", torch.Tensor, found, kind=TENSOR)
            off = float((found.detach() - hard).abs().max())
            expect(
                off < 1e-3,
                ja="値が `hard` と {off:.3g} も違います。前へ進むときの値は `hard` です。",
                en="The value is off by {off:.3g} from `hard`, which it should be going forward.",
                off=off,
            )
            differing = float(found.detach().ne(hard).any(-1).double().mean())
            expect(
                differing == 0,
                ja="{name}の {share:.1%} で、値が `hard` と最大 {off:.1g} 違います。丸め誤差です。"
                "ちょうど 0 になる差を先に計算して、それを `hard` に足します。",
                en="For {share:.1%} of the {name} the value is off from `hard`, by up to {off:.1g}: rounding. "
                "First compute a difference that is exactly 0, then add it to `hard`.",
                name=WHAT[name],
                share=differing,
                off=off,
            )


def check_gradient_of_soft(answer):
    """a path to soft, not zero, with the right value, and none to hard
    soft まで道があり、0 でなく、値が正しい。hard へは流れない"""
    logits, weights = logits_and_weights()
    moving = logits.clone()
    right = numerical_gradient(lambda: (slope_at_hard(logits) * moving.softmax(-1)).sum(), moving)
    leaf = logits.clone().requires_grad_()
    what = Words("直進推定", "straight-through")
    expect_gradient(
        lambda: score(answer.straight_through(one_hot(leaf), leaf.softmax(-1))), leaf, right, what=what, tolerance=1e-6
    )
    hard = one_hot(logits).requires_grad_()
    value = (answer.straight_through(hard, logits.softmax(-1).requires_grad_()) * weights).sum()
    (found,) = torch.autograd.grad(value, hard, allow_unused=True)
    expect(
        found is None or not found.any(),
        ja="`hard` にも勾配が流れます。"
        "`hard` が別のパラメータから作られたときのために、そちらは `detach` しておきます。",
        en="A gradient goes to `hard` as well. Detach it, for the case that `hard` is made of other parameters.",
    )


def check_custom_function(answer):
    """OneHot: hard letters forward, the gradient of a softmax backward
    OneHot: 前へは硬い文字、後ろへは softmax の勾配"""
    logits, _ = logits_and_weights()
    leaf = logits.clone().requires_grad_()
    expect(
        torch.equal(answer.OneHot.apply(leaf).detach(), one_hot(logits)),
        ja="`OneHot` の値が one-hot ではありません。",
        en="The value of `OneHot` is not one-hot.",
    )
    moving = logits.clone()
    right = numerical_gradient(lambda: (slope_at_hard(logits) * moving.softmax(-1)).sum(), moving)
    what = Words("`OneHot`", "`OneHot`")
    expect_gradient(lambda: score(answer.OneHot.apply(leaf)), leaf, right, what=what, tolerance=1e-6)


def check_surrogate(answer):
    """the surrogate's finite differences are the gradient of straight-through
    代理の関数の有限差分が、直進推定の勾配と等しい"""
    logits, _ = logits_and_weights()
    leaf = logits.clone().requires_grad_()
    soft = leaf.softmax(-1)
    (right,) = torch.autograd.grad(score(one_hot(leaf) + (soft - soft.detach())), leaf)
    surrogate = answer.surrogate_at(score, logits)
    expect(
        callable(surrogate),
        ja="`surrogate_at` は関数を返すはずです。",
        en="`surrogate_at` should return a function.",
    )
    moving = logits.clone()
    found = numerical_gradient(lambda: surrogate(moving), moving)
    expect(
        float((found - right).norm()) <= 1e-6 * float(right.norm()),
        ja="代理の関数の有限差分(ノルム {found:.4g})が、直進推定の勾配(ノルム {right:.4g})と違います。"
        "傾きは硬い文字の所で測り、固定しておきます。",
        en="The finite differences of the surrogate (norm {found:.4g}) are not the gradient of straight-through "
        "(norm {right:.4g}). The slope is measured at the hard letters, and stays fixed.",
        found=found.norm(),
        right=right.norm(),
    )


def examine(answer, estimator, *, hard=None, surrogate=None):
    """What the learner's function says of an estimator."""
    logits, _ = logits_and_weights()
    slope = slope_at_hard(logits)
    found = answer.is_right(
        estimator,
        hard or (lambda x: score(one_hot(x))),
        surrogate or (lambda x: (slope * x.softmax(-1)).sum()),
        logits.requires_grad_(),
    )
    expect_type("is_right", bool, found, kind=Words("`True` か `False`", "`True` or `False`"))
    return found


def through(letters):
    """An estimator that scores the letters made of (hard, soft)."""
    return lambda x: score(letters(one_hot(x), x.softmax(-1)))


def check_right_estimator_is_accepted(answer):
    """straight-through is right, though gradcheck fails it
    直進推定は、gradcheck に落ちても正しい"""
    right = through(lambda hard, soft: hard + (soft - soft.detach()))
    expect(
        examine(answer, right) is True,
        ja="正しい直進推定を不合格にしました。`gradcheck` は階段の有限差分(0)と比べるので、落ちて当然です。"
        "比べる相手は代理の関数です。",
        en="A right straight-through was refused. `gradcheck` compares it with the finite differences of a staircase, "
        "which are 0, so it has to fail; hold it against the surrogate.",
    )


def check_deceivers_are_rejected(answer):
    """cut, exactly zero, wrong gradient, wrong bits: none is right
    切断、ちょうど 0、勾配の間違い、ビットの違い。どれも正しくない"""
    deceivers = {
        "hard": lambda hard, soft: hard,
        "hard + soft - soft": lambda hard, soft: hard + (soft - soft),
        "soft": lambda hard, soft: soft,
        "hard + soft": lambda hard, soft: hard + soft,
        "hard + 2 * (soft - soft.detach())": lambda hard, soft: hard + 2 * (soft - soft.detach()),
        "hard + (soft - soft.detach()) + 1e-12": lambda hard, soft: hard + (soft - soft.detach()) + 1e-12,
        "another leaf": lambda hard, soft: hard + 0 * torch.ones(3, dtype=hard.dtype, requires_grad=True),
    }
    for name, letters in deceivers.items():
        expect(
            examine(answer, through(letters)) is False,
            ja="`{name}` に合格を出しました。"
            "値(1 ビットまで)、道、0 でないこと、代理の勾配との一致、の全部が必要です。",
            en="`{name}` was passed. It takes all of these: the value to the bit, a path, a gradient that is not zero, "
            "and that of the surrogate.",
            name=name,
        )


def check_surrogate_itself_is_examined(answer):
    """a surrogate with a wrong or zero gradient of its own proves nothing
    代理の関数自身の勾配が間違っていたり 0 だったりすれば、証明にならない"""
    straight = through(lambda hard, soft: hard + (soft - soft.detach()))
    expect(
        examine(answer, straight, surrogate=straight) is False,
        ja="代理として直進推定そのものを渡すと、合格してしまいます。代理の関数は `gradcheck` で調べてください。",
        en="Given straight-through itself as the surrogate, it is passed. Examine the surrogate with `gradcheck`.",
    )
    zero = through(lambda hard, soft: hard + (soft - soft))
    expect(
        examine(answer, zero, surrogate=lambda x: (x * 0).sum()) is False,
        ja="推定量も代理も勾配が 0 のとき、一致したので合格にしてしまいました。0 は何も教えません。",
        en="The gradients of estimator and surrogate are both 0, so they agree, and it was passed. "
        "A gradient of 0 teaches nothing.",
    )
