"""Checks of exercise 8: bits of the value, gradients against finite differences of the surrogate, and deceivers."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_gradient, expect_type, numerical_gradient
from gradcheck_lm.course.hard_letters import (
    HalfBelow,
    first_row,
    logits_and_weights,
    one_hot,
    score,
    slope_at_hard,
    through,
)
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")
WHAT = {"letters": Words("文字", "letters"), "embeddings": Words("埋め込み", "embeddings")}


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
                ja="値が `hard` と {off:.3g} も違います。順伝播の値は `hard` です。",
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
    soft まで経路があり、0 でなく、値が正しい。hard へは流れない"""
    logits, weights = logits_and_weights()
    moving = logits.clone()
    right = numerical_gradient(lambda: (slope_at_hard(logits) * moving.softmax(-1)).sum(), moving)
    leaf = logits.clone().requires_grad_()
    what = Words("STE", "straight-through")
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
    OneHot: 順伝播ではハードな文字、逆伝播では softmax の勾配"""
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


def check_each_row_by_itself(answer):
    """the gradient of one row is not that of another, in straight-through and in OneHot
    どの行の勾配も、その行のもの(STE でも OneHot でも)"""
    torch.manual_seed(53)
    logits, weights = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)
    moving = logits.clone()
    right = numerical_gradient(lambda: (weights * moving.softmax(-1)).sum(), moving)
    ways = {
        "straight_through": lambda x: answer.straight_through(one_hot(x), x.softmax(-1)),
        "OneHot": answer.OneHot.apply,
    }
    for name, way in ways.items():
        leaf = logits.clone().requires_grad_()
        (found,) = torch.autograd.grad((way(leaf) * weights).sum(), leaf)
        expect(
            torch.allclose(found, right, rtol=1e-6, atol=1e-9),
            ja="三つの軸を持つロジットで、`{name}` の勾配が違います(ノルム {found:.4g}、正しくは {right:.4g})。"
            "`grad` から引く平均は、`soft` で重みをつけた、最後の軸についての平均です。",
            en="For logits of three axes the gradient of `{name}` is wrong (norm {found:.4g}, should be {right:.4g}). "
            "The mean that is taken from `grad` is the one weighted by `soft`, along the last axis.",
            name=name,
            found=found.norm(),
            right=right.norm(),
        )


def check_surrogate(answer):
    """the surrogate's finite differences are the gradient of straight-through
    代理の関数の有限差分が、STE の勾配と等しい"""
    logits = logits_and_weights()[0] - 5.0
    leaf = logits.clone().requires_grad_()
    soft = leaf.softmax(-1)
    (right,) = torch.autograd.grad(score(one_hot(leaf) + (soft - soft.detach())), leaf)
    surrogate = answer.surrogate_at(score, logits)
    expect(
        callable(surrogate),
        ja="`surrogate_at` は関数を返すはずです。",
        en="`surrogate_at` should return a function.",
    )
    elsewhere = torch.randn(logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    slope = slope_at_hard(logits)
    expect(
        torch.allclose(surrogate(elsewhere), (slope * elsewhere.softmax(-1)).sum())
        or abs(float(surrogate(elsewhere) - surrogate(logits))
               - float((slope * (elsewhere.softmax(-1) - logits.softmax(-1))).sum())) < 1e-9,
        ja="別のロジットでの代理の関数の値が違います。動くのは softmax だけで、"
        "スコアの傾きは渡されたロジットでのものに固定します。",
        en="At other logits the surrogate's value is not right: the softmax alone moves, the slope stays that at the "
        "logits passed.",
    )  # fmt: skip
    moving = logits.clone()
    found = numerical_gradient(lambda: surrogate(moving), moving)
    expect(
        float((found - right).norm()) <= 1e-6 * float(right.norm()),
        ja="代理の関数の有限差分(ノルム {found:.4g})が、STE の勾配(ノルム {right:.4g})と違います。"
        "スコアの傾きはハードな文字で求め、固定しておきます。",
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


def accepted(answer, estimator, hard, surrogate, logits):
    """What the learner's function says, of functions of any kind."""
    return answer.is_right(estimator, hard, surrogate, logits.clone().requires_grad_())


def check_right_estimator_is_accepted(answer):
    """straight-through is right, though gradcheck fails it
    STE は、gradcheck に不合格でも正しい"""
    right = through(lambda hard, soft: hard + (soft - soft.detach()))
    expect(
        examine(answer, right) is True,
        ja="正しい STE を不合格にしました。`gradcheck` は階段の有限差分(0)と比べるので、"
        "不合格になるのが正しい動作です。"
        "比べる相手は代理の関数です。",
        en="A right straight-through was refused. `gradcheck` compares it with the finite differences of a staircase, "
        "which are 0, so it has to fail; compare it with the surrogate.",
    )


def check_deceivers_are_rejected(answer):
    """cut, exactly zero, wrong gradient, wrong bits: none is right
    切断、ちょうど 0、勾配の間違い、ビットの違い。どれも正しくない"""
    deceivers = {
        case("hard"): lambda hard, soft: hard,
        case("hard + soft - soft"): lambda hard, soft: hard + (soft - soft),
        case("soft"): lambda hard, soft: soft,
        case("hard + soft"): lambda hard, soft: hard + soft,
        case("hard + 2 * (soft - soft.detach())"): lambda hard, soft: hard + 2 * (soft - soft.detach()),
        case("hard + (soft - soft.detach()) + 1e-12"): lambda hard, soft: hard + (soft - soft.detach()) + 1e-12,
        case("hard - (soft - soft.detach())"): lambda hard, soft: hard - (soft - soft.detach()),
        case("hard + 1.01 * (soft - soft.detach())"): lambda hard, soft: hard + 1.01 * (soft - soft.detach()),
        case("first row alone", "最初の行だけに勾配が届く"): lambda hard, soft: hard + first_row(soft - soft.detach()),
        case("other rows alone", "最初の行にだけ勾配が届かない"): lambda hard, soft: (
            hard + ((soft - soft.detach()) - first_row(soft - soft.detach()))
        ),
        case("NaN", "勾配が NaN"): lambda hard, soft: (
            hard + (soft - soft.detach()) + (soft.detach() - soft).abs().sqrt() * 0
        ),
        case("another leaf", "勾配が届くのは別の葉テンソル"): lambda hard, soft: (
            hard + 0 * torch.ones(3, dtype=hard.dtype, requires_grad=True)
        ),
    }
    for name, letters in deceivers.items():
        expect(
            examine(answer, through(letters)) is False,
            ja="推定量{name}に合格を出しました。"
            "値(1 ビットまで)、経路、0 でないこと、代理の勾配との一致、の全部が必要です。",
            en="The estimator {name} was passed. It takes all of these: the value to the bit, a path, a gradient "
            "that is not zero, and that of the surrogate.",
            name=name,
        )


def check_surrogate_itself_is_examined(answer):
    """a surrogate with a wrong or zero gradient of its own proves nothing
    代理の関数自身の勾配が間違っていたり 0 だったりすれば、証明にならない"""
    straight = through(lambda hard, soft: hard + (soft - soft.detach()))
    expect(
        examine(answer, straight, surrogate=straight) is False,
        ja="代理として STE そのものを渡すと、合格してしまいます。代理の関数は `gradcheck` で調べてください。",
        en="Given straight-through itself as the surrogate, it is passed. Examine the surrogate with `gradcheck`.",
    )
    zero = through(lambda hard, soft: hard + (soft - soft))
    expect(
        examine(answer, zero, surrogate=lambda x: (x * 0).sum()) is False,
        ja="推定量も代理も勾配が 0 のとき、一致したので合格にしてしまいました。0 の勾配では何も学習されません。",
        en="The gradients of estimator and surrogate are both 0, so they agree, and it was passed. "
        "A gradient of 0 teaches nothing.",
    )


def check_where_it_is_asked(answer):
    """the functions are asked at the logits passed, sign and size included
    渡されたロジットそのもので、符号も大きさも含めて調べる"""
    logits = torch.tensor([[-1.0, -2.0, -0.5], [3.0, 0.2, 1.0]], dtype=torch.float64)

    def through(f, scale=1.0):
        return lambda x: scale * (f(x.detach()).floor() + (f(x) - f(x).detach())).sum()

    def floor(f, scale=1.0):
        return lambda x: scale * f(x).detach().floor().sum()

    def relu(x):
        return x.relu()

    def square(x):
        return x**2

    def half(x):
        return HalfBelow.apply(x)[0].sum()

    one_side = {
        case("positive entries alone", "正の要素だけに勾配がある"): (
            through(relu), floor(relu), lambda x: x.relu().sum()),
        case("one entry alone", "一つの要素だけに勾配がある"): (
            lambda x: through(lambda y: y[1, 1:2] ** 2)(x), floor(lambda y: y[1, 1:2] ** 2), lambda x: x[1, 1] ** 2),
        case("a small gradient", "小さい勾配"): (
            through(square, 1e-5), floor(square, 1e-5), lambda x: 1e-5 * (x**2).sum()),
        case("rounding", "丸め誤差だけの違い"): (through(square), floor(square), lambda x: (x**2 * (1 + 1e-12)).sum()),
        case("hard with a graph", "hard にも計算グラフがある"): (
            through(square), lambda x: (x**2).floor().sum(), lambda x: (x**2).sum()),
    }  # fmt: skip
    for name, (estimator, hard, surrogate) in one_side.items():
        expect(
            accepted(answer, estimator, hard, surrogate, logits) is True,
            ja="正しい推定量{name}を不合格にしました。0 の要素があっても、勾配が小さくても、正しいものは正しいのです。",
            en="A right estimator ({name}) was refused: right is right with zeros among the entries, or a small "
            "gradient, too.",
            name=name,
        )
    wrong_side = {
        case("another function below 0", "0 より下だけ別の関数"): (
            through(relu), floor(relu), lambda x: torch.where(x < 0, x * 0.3, x).sum()),
        case("the sign", "符号が逆"): (
            lambda x: -through(square)(x), lambda x: -floor(square)(x), lambda x: (x**2).sum()),
        case("the opposite value", "値だけが同じで勾配は逆"): (
            lambda x: (x**2).sum() - 2 * (x.detach() ** 2).sum(), lambda x: (x**2).sum(), lambda x: (x**2).sum()),
        case("a surrogate that is wrong here", "代理の関数自身が誤り"): (half, lambda x: (x[0] ** 2).sum(), half),
        case("rows changed", "行の入れ替わり"): (
            through(square), floor(square), lambda x: (x.flip(0).detach() * x * 2).sum()),
    }  # fmt: skip
    for name, (estimator, hard, surrogate) in wrong_side.items():
        expect(
            accepted(answer, estimator, hard, surrogate, logits) is False,
            ja="代理の関数の勾配と違うのに(違うのは{name})、合格にしました。要素ごとに、符号も比べます。",
            en="Its gradient is not the surrogate's ({name}), and it was passed: compare entry by entry, with "
            "the sign.",
            name=name,
        )
