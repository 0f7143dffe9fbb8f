"""Checks of exercise 16: views, .data, values that others keep, masks that broadcast, averages without a graph."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_gradient, expect_type, gradient_by_differences

MAY_CHANGE = {"who_writes": {"value", "grad", "requires_grad"}, "moving_average": {"value"}}


def check_who_writes(answer):
    """every kind of writing is seen, at whichever tensor, and nothing else
    どのテンソルへの、どんな書き換えも分かり、それ以外は挙げない"""
    tensors = {name: torch.arange(6.0).view(2, 3) + place for place, name in enumerate(("first", "b", "c", "last"))}
    t = tensors

    def through_data():
        t["b"].data[1, 2] += 1e-6
        t["last"].data *= -1

    actions = {
        case("nothing", "何も書き換えない"): (lambda: t["b"] + 1, []),
        case("add_ to the first", "最初のテンソルに add_"): (lambda: t["first"].add_(1), ["first"]),
        case("a view of the last", "最後のテンソルのビュー"): (lambda: t["last"][1].mul_(2), ["last"]),
        case("one entry", "要素一つだけ"): (lambda: t["c"].__setitem__((0, 0), 7.0), ["c"]),
        case("the same numbers", "同じ値で上書き"): (lambda: t["b"].copy_(t["b"].clone()), ["b"]),
        case("once and back", "足してから元に戻す"): (lambda: t["first"].add_(1).sub_(1), ["first"]),
        case(".data"): (through_data, ["b", "last"]),
        case("a new name alone", "コピーだけを書き換える"): (lambda: t["c"].clone().zero_(), []),
        case("two of them", "二つのテンソル"): (lambda: (t["last"].zero_(), t["first"].neg_()), ["first", "last"]),
    }
    for name, (action, right) in actions.items():
        found = answer.who_writes(tensors, action)
        expect(
            not any(one.requires_grad for one in tensors.values())
            and torch.equal(t["c"][1], torch.arange(3.0, 6.0) + 2),
            ja="`action` のほかに、何かがテンソルを変えました。",
            en="Something besides `action` has changed the tensors.",
        )
        expect_type("who_writes", list, found)
        expect(
            found == right,
            ja="{name}の場合: `{found}` と答えましたが、正しくは `{right}` です。"
            "バージョンと値の両方を、呼ぶ前のものと比べます。",
            en="{name}: the answer was `{found}`; it should be `{right}`. Compare both the version and the "
            "numbers with "
            "those before the call.",
            name=name,
            found=found,
            right=right,
        )


def check_gated_residual(answer):
    """the right value, and the right gradient to both, wherever the arguments come from
    値が正しく、引数がどこから来ても、両方に正しい勾配が届く"""
    torch.manual_seed(161)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    gate = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 4, dtype=torch.float64)

    def right(x, gate):
        return (weights * (torch.sigmoid(gate.exp()) * x.sigmoid() + x.sigmoid())).sum()

    def found():
        return (weights * answer.gated_residual(x.sigmoid(), gate.exp())).sum()

    expect(
        torch.allclose(found().detach(), right(x, gate).detach()),
        ja="`gated_residual` の値が違います。",
        en="The value of `gated_residual` is not right.",
    )
    for leaf, alone in ((x, lambda one: right(one, gate.detach())), (gate, lambda one: right(x.detach(), one))):
        truth = gradient_by_differences(alone, leaf)
        expect_gradient(found, leaf, truth, what="`gated_residual`", tolerance=1e-6)


def check_mask(answer):
    """scores stay, masked entries have the value asked for and no gradient
    scores は元のまま、マスクした所は指定した値で、勾配は 0"""
    torch.manual_seed(162)
    for allowed in (
        torch.tensor([[True, False, True], [False, False, True]]),
        torch.tensor([True, True, False]),
        torch.tensor([[False], [True]]),
    ):
        for value in (-1e9, -5.0):
            scores = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
            made = scores * 1.0
            given = {} if value == -1e9 else {"value": value}
            found = answer.mask_scores(made, allowed, **given)
            whole = allowed.expand(2, 3)
            right = torch.where(whole, scores.detach(), torch.full((), value, dtype=torch.float64))
            expect_type("mask_scores", torch.Tensor, found)
            expect(
                torch.equal(found.detach(), right),
                ja="`allowed` の形が `{shape}`、値が `{value}` のとき、結果が違います。",
                en="With `allowed` of shape `{shape}` and the value `{value}` the result is not right.",
                shape=tuple(allowed.shape),
                value=value,
            )
            (gradient,) = torch.autograd.grad((found * torch.arange(1.0, 7.0).view(2, 3)).sum(), scores)
            expect(
                torch.equal(gradient, torch.arange(1.0, 7.0, dtype=torch.float64).view(2, 3) * whole),
                ja="マスクした所の勾配は 0、ほかはそのまま届くはずです。",
                en="Where masked the gradient should be 0, and elsewhere arrive as it is.",
            )


def check_average(answer):
    """the average is written in place, stays free of a graph, and spoils nobody's backward pass
    平均はその場で書き換わり、計算グラフを持たず、ほかの逆伝播を壊さない"""
    torch.manual_seed(163)
    for decay in (0.99, 0.5):
        weight = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
        average, new = torch.randn(2, 3, dtype=torch.float64), weight * 2.0
        right, loss = decay * average + (1 - decay) * new.detach(), (new**2).sum()
        kept = new.detach().clone()
        given = {} if decay == 0.99 else {"decay": decay}
        answer.moving_average(average, new, **given)
        expect(
            torch.allclose(average, right),
            ja="`decay` が `{decay}` のとき、`average` の値が違います。代入ではなく、そのテンソルに書き込みます。",
            en="With `decay` at `{decay}` the value of `average` is not right: write into the tensor, do not assign.",
            decay=decay,
        )
        expect(
            not average.requires_grad,
            ja="`average` に計算グラフが残っています。",
            en="`average` has a graph.",
        )
        expect(
            torch.equal(new.detach(), kept),
            ja="`new` が書き換えられました。書き込む先は `average` だけです。",
            en="`new` was written to; write to `average` alone.",
        )
        expect(
            torch.allclose(torch.autograd.grad(loss, weight)[0], 8.0 * weight.detach()),
            ja="`new` から計算した損失の勾配が変わりました。",
            en="The gradient of a loss made of `new` has changed.",
        )
