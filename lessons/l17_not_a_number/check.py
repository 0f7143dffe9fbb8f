"""Checks of exercise 17: equal rows and tiny differences, probabilities of 0, and stages that only fail backward."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_type


def check_distance(answer):
    """the right value, and the right gradient to both, also for tiny and large differences
    値が正しく、差が小さくても大きくても、両方に正しい勾配が届く"""
    torch.manual_seed(171)
    for scale in (1.0, 1e-9, 1e9):
        a = scale * torch.randn(2, 3, 4, dtype=torch.float64)
        b = scale * torch.randn(2, 3, 4, dtype=torch.float64)
        a.requires_grad_()
        b.requires_grad_()
        weights = torch.randn(2, 3, dtype=torch.float64)
        found = answer.distance(a, b)
        expect_type("distance", torch.Tensor, found)
        right = torch.linalg.vector_norm(a - b, dim=-1)
        expect(
            found.shape == right.shape and torch.allclose(found, right, rtol=1e-9, atol=0.0),
            ja="差の大きさが `{scale:g}` のとき、距離の値が違います。小さい距離に定数を足していませんか。",
            en="For differences of about `{scale:g}` the distance is not right. Is a constant added to small ones?",
            scale=scale,
        )
        gradients = [torch.autograd.grad((one * weights).sum(), [a, b], allow_unused=True) for one in (found, right)]
        same = all(
            one is not None and torch.allclose(one, other, rtol=1e-9, atol=1e-15)
            for one, other in zip(*gradients, strict=True)
        )
        expect(
            same,
            ja="差の大きさが `{scale:g}` のとき、勾配が違います。`a` にも `b` にも届きますか。",
            en="For differences of about `{scale:g}` the gradient is not right. Does it reach both `a` and `b`?",
            scale=scale,
        )


def check_equal_rows(answer):
    """where two rows are equal the distance and its gradient are 0, and the other rows keep theirs
    等しい行では距離も勾配も 0 で、ほかの行の勾配は変わらない"""
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0], [-3.0, 0.0]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[1.0, 2.0], [0.0, 0.0], [-3.0, 0.0]], dtype=torch.float64)
    found = answer.distance(a, b)
    (gradient,) = torch.autograd.grad(found.sum(), a)
    expect(
        bool(gradient.isfinite().all()),
        ja="等しい行の勾配が有限ではありません(`{gradient}`)。`where` は平方根の前に置きます。",
        en="The gradient at equal rows is not finite (`{gradient}`): `where` belongs before the root.",
        gradient=gradient.tolist(),
    )
    right = torch.tensor([[0.0, 0.0], [0.6, 0.8], [0.0, 0.0]], dtype=torch.float64)
    expect(
        torch.allclose(found.detach(), torch.tensor([0.0, 5.0, 0.0], dtype=torch.float64), rtol=1e-9, atol=0.0)
        and torch.allclose(gradient, right, rtol=1e-9, atol=0.0),
        ja="距離が `{found}`、勾配が `{gradient}` です(正しくは `{right}`)。",
        en="The distances are `{found}` and the gradient `{gradient}` (should be `{right}`).",
        found=found.tolist(),
        gradient=gradient.tolist(),
        right=right.tolist(),
    )


def check_entropy(answer):
    """right with and without zeros, along the last axis, value and gradient
    0 があってもなくても、最後の軸について、値も勾配も正しい"""
    for rows in (
        [[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]],
        [[1.0, 0.0, 0.0], [0.0, 0.4, 0.6]],
        [[0.0, 0.0, 1.0], [1e-30, 1.0, 0.0]],
    ):
        p = torch.tensor([rows, rows[::-1]], dtype=torch.float64, requires_grad=True)
        found = answer.entropy(p)
        expect_type("entropy", torch.Tensor, found)
        right = torch.special.entr(p.detach()).sum(-1)
        expect(
            found.shape == right.shape and torch.allclose(found.detach(), right, rtol=1e-9, atol=1e-15),
            ja="`{rows}` のエントロピーが `{found}` です(正しくは `{right}`)。"
            "p が正の所では何も足さず、0 の所の項は 0 です。",
            en="The entropy of `{rows}` is `{found}` (should be `{right}`). Where p > 0 nothing is added to it, and "
            "where p is 0 the term is 0.",
            rows=rows,
            found=found.tolist(),
            right=right.tolist(),
        )
        (gradient,) = torch.autograd.grad(found.sum(), p)
        slope = torch.where(p > 0, -p.clamp_min(1e-300).log() - 1, 0.0).detach()
        expect(
            torch.allclose(gradient, slope, rtol=1e-9, atol=1e-12),
            ja="`{rows}` での勾配が `{gradient}` です(正しくは `{slope}`)。"
            "対数の後で NaN を消しても、勾配の NaN は消えません。",
            en="The gradient at `{rows}` is `{gradient}` (should be `{slope}`). A NaN that is removed behind the "
            "logarithm stays in the gradient.",
            rows=rows,
            gradient=gradient.tolist(),
            slope=slope.tolist(),
        )


def check_first_not_finite(answer):
    """the stage is named at which a gradient first stops being finite on its way back
    逆向きに流れる勾配が、初めて有限でなくなる段を答える"""
    value = torch.tensor([[4.0, 0.0], [1.0, -9.0]], dtype=torch.float64)
    root = ("root", lambda x: x.abs().sqrt())
    chains = {
        case("healthy", "健康"): ([("square", lambda x: x**2), ("exp", lambda x: (-x).exp())], None),
        case("root at 0", "0 での平方根"): ([("double", lambda x: 2 * x), root, ("sum", lambda x: x.sum(-1))], "root"),
        case("first of all", "最初の段"): ([root, ("sum", lambda x: x.sum(-1))], "root"),
        case("last of all", "最後の段"): (
            [("shift", lambda x: x + 9.0), ("last root", lambda x: x.sqrt())],
            "last root",
        ),
        case("one entry of the second row", "二行目の要素一つ"): (
            [("shifted", lambda x: (x - 1.0).abs().sqrt())],
            "shifted",
        ),
        case("two roots", "平方根が二つ"): ([root, ("again", lambda x: x.sqrt()), ("sum", lambda x: x.sum())], "again"),
        case("masked behind it", "あとの段で隠される"): (
            [("negative", lambda x: x.sqrt()), ("where", lambda x: torch.nan_to_num(x))],
            "negative",
        ),
        case("not reached", "勾配が 0 の要素"): ([root, ("pick", lambda x: x[1, :1] ** 2)], "root"),
        case("overflow on the way", "順伝播でのオーバーフロー"): (
            [("large", lambda x: x * 1e200), ("larger", lambda x: (x * 1e200).tanh().mul(0.0))],
            None,
        ),
        case("two large factors", "大きな係数が二つ"): (
            [("first", lambda x: x * 1e200), ("second", lambda x: x * 1e200)],
            "first",
        ),
    }
    for name, (stages, right) in chains.items():
        found = answer.first_not_finite(stages, value)
        expect(
            found == right,
            ja="段の列{name}で `{found}` と答えました。正しくは `{right}` です。"
            "段ごとの勾配ではなく、後ろの段から実際に流れてくる勾配で調べます。",
            en="For the stages {name} the answer was `{found}`; it should be `{right}`. Ask with the gradient that "
            "really comes from the stages behind, not each stage by itself.",
            name=name,
            found=found,
            right=right,
        )
