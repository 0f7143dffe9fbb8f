"""Checks of exercise 22: weights of each row, second derivatives, norms of each point, backward passes that are "
"wrong."""

import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_lm.course.expect import case, expect, expect_type
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")


def rows_of(count, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, classes, dtype=torch.float64, generator=generator)
    labels = torch.randint(classes, (count,), generator=generator)
    weights = torch.randn(count, dtype=torch.float64, generator=generator)
    return logits.requires_grad_(), labels, weights


def check_backward(answer):
    """each row's gradient is multiplied by what comes in for that row
    行ごとの勾配に、その行に入ってきた勾配が掛かる"""
    for count, classes in ((4, 3), (5, 5), (1, 4)):
        logits, labels, weights = rows_of(count, classes, 221)
        for factor in (1.0, -3.0):
            found = answer.row_loss(logits, labels)
            right = F.cross_entropy(logits, labels, reduction="none")
            gradients = [torch.autograd.grad((factor * weights * one).sum(), logits)[0] for one in (found, right)]
            expect(
                torch.allclose(*gradients, rtol=1e-9, atol=1e-12),
                ja="`{count}` 行 `{classes}` クラスで、行ごとに係数を掛けたときの、ロジットへの勾配が違います。"
                "`grad_output` を行ごとに掛けていますか。",
                en="With `{count}` rows of `{classes}` classes the gradient to the logits is not right. Is each "
                "row multiplied by its `grad_output`?",
                count=count,
                classes=classes,
            )


def check_second_derivative(answer):
    """the gradient of a gradient is right too
    勾配の勾配も正しい"""
    for count, classes in ((4, 3), (3, 3)):
        logits, labels, weights = rows_of(count, classes, 222)
        found = []
        for function in (answer.row_loss, lambda *given: F.cross_entropy(*given, reduction="none")):
            loss = (weights * function(logits, labels).square()).sum()
            (first,) = torch.autograd.grad(loss, logits, create_graph=True)
            found.append(torch.autograd.grad((first.sin() * torch.arange(classes)).sum(), logits)[0])
        expect(
            torch.allclose(*found, rtol=1e-9, atol=1e-12),
            ja="二階微分が、正しい値から相対で {off:.2g} ずれています。順伝播で計算した値を `backward` "
            "で使っていませんか。",
            en="The second derivative is off by {off:.2g} of its size. Does `backward` use what was computed in the "
            "forward pass?",
            off=((found[0] - found[1]).norm() / found[1].norm()).item(),
        )


def critics():
    torch.manual_seed(223)
    flat = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    deep = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 1), nn.Flatten(0)).double()
    return (flat, 2 * torch.randn(7, 3).double()), (deep, torch.randn(4, 2, 3).double())


def check_penalty(answer):
    """the value is right, and so is the gradient that it gives to critic
    値も、critic に届く勾配も正しい"""
    for critic, points in critics():
        found = answer.gradient_penalty(critic, points)
        expect_type("gradient_penalty", torch.Tensor, found, kind=TENSOR)
        lengths = []
        for point in points:
            leaf = point.clone().requires_grad_()
            (slope,) = torch.autograd.grad(critic(leaf[None]).sum(), leaf, create_graph=True)
            lengths.append(slope.square().sum().sqrt())
        right = sum((one - 1) ** 2 for one in lengths) / len(lengths)
        expect(
            found.ndim == 0 and torch.allclose(found, right),
            ja="`{shape}` の点で、ペナルティが `{found}` です(正しくは `{right}`)。ノルムは点ごとに求めます。",
            en="For points of shape `{shape}` the penalty is `{found}` (should be `{right}`): each point has its own "
            "norm.",
            shape=tuple(points.shape),
            found=found.tolist(),
            right=right.item(),
        )
        weights = [one for one in critic.parameters() if one.ndim > 1]
        expect(
            found.requires_grad,
            ja="ペナルティから critic の重みまで勾配が届きません。勾配の計算グラフを作っていますか。",
            en="From the penalty no gradient reaches the weights of critic. Is a graph of the gradient made?",
        )
        gradients = [torch.autograd.grad(one, weights, retain_graph=True) for one in (found, right)]
        expect(
            all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True)),
            ja="ペナルティから critic に届く勾配が違います。",
            en="The gradient that critic gets from the penalty is not right.",
        )


def check_hessian(answer):
    """the product with the whole Hessian, zeros where it is constant, and the graph is kept
    ヘッセ行列全体との積で、定数の所は 0、計算グラフは残る"""
    torch.manual_seed(224)
    a, b, c = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3), (3,), (2,)))
    losses = {
        case("coupled", "パラメータどうしの積がある損失"): (
            (a @ b).tanh().square().sum() + (b**3).sum() * c[0],
            [a, b, c],
        ),
        case("one linear", "片方が線形の損失"): ((a.exp()).sum() + (2.0 * c).sum(), [a, c]),
        case("all linear", "すべて線形の損失"): ((3.0 * a).sum() - b.sum(), [a, b]),
    }
    for name, (loss, parameters) in losses.items():
        for sign in (1.0, -2.0):
            vectors = [sign * torch.randn_like(one) for one in parameters]
            found = answer.hessian_times(loss, parameters, vectors)
            expect_type("hessian_times", list, found, kind=Words("リスト", "a list"))
            right = _by_differences(loss, parameters, vectors)
            expect(
                len(found) == len(right)
                and all(
                    torch.is_tensor(x) and x.shape == y.shape and torch.allclose(x, y, rtol=1e-9, atol=1e-12)
                    for x, y in zip(found, right, strict=True)
                ),
                ja="{name}で、ヘッセ行列とベクトルの積が違います。パラメータどうしの交差項も入っていますか。",
                en="With {name} the product with the Hessian is not right. Are the terms between two parameters in it?",
                name=name,
            )


def _by_differences(loss, parameters, vectors):
    """Row by row of the whole Hessian; no row where a gradient has no graph."""
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    found = []
    for gradient in gradients:
        rows = []
        for entry in gradient.flatten():
            if entry.requires_grad:
                row = torch.autograd.grad(entry, parameters, retain_graph=True, materialize_grads=True)
                rows.append(sum((one * vector).sum() for one, vector in zip(row, vectors, strict=True)))
            else:
                rows.append(torch.zeros_like(entry))
        found.append(torch.stack(rows).detach().view(gradient.shape))
    return found


def custom(forward, backward):
    """A Function made of two: the values, and what comes back of (x, gradient)."""

    class Made(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, gradient):
            return backward(ctx.saved_tensors[0], gradient)

    return Made.apply


def check_test(answer):
    """a right `backward` passes and a wrong one does not, whatever is wrong
    正しい backward は通り、どこが違っても誤った backward は通らない"""
    torch.manual_seed(225)

    def last_entry(x, gradient):
        found = gradient * x.cos()
        found.view(-1)[-1] *= 1.5
        return found

    def first_entry(x, gradient):
        found = gradient * x.cos()
        found.view(-1)[0] *= -1.0
        return found

    functions = {
        case("torch.sin"): (torch.sin, True),
        case("tanh of a sum", "tanh の和"): (lambda x: x.tanh().sum(), True),
        case("outer product", "外積"): (lambda x: x.flatten()[:, None] * x.flatten(), True),
        case("row sums", "行ごとの和"): (lambda x: (x**3).sum(-1), True),
        case("right", "正しい backward"): (custom(torch.sin, lambda x, gradient: gradient * x.cos()), True),
        case("large", "大きな勾配"): (lambda x: 1e6 * x.sin(), True),
        case("ignores what comes in", "入ってくる勾配を無視する"): (
            custom(torch.sin, lambda x, gradient: x.cos()),
            False,
        ),
        case("wrong sign", "符号が逆"): (custom(torch.sin, lambda x, gradient: -gradient * x.cos()), False),
        case("off by a hundredth", "1 % ずれる"): (
            custom(torch.sin, lambda x, gradient: 1.01 * gradient * x.cos()),
            False,
        ),
        case("mean of what comes in", "入ってくる勾配を平均してしまう"): (
            custom(torch.sin, lambda x, gradient: gradient.mean() * x.cos()),
            False,
        ),
        case("wrong at the last entry", "最後の成分だけ誤り"): (custom(torch.sin, last_entry), False),
        case("wrong at the first entry", "最初の成分だけ誤り"): (custom(torch.sin, first_entry), False),
        case("x * x.detach()"): (lambda x: x * x.detach(), False),
        case("small", "小さな勾配"): (
            custom(lambda x: 1e-6 * x.sin(), lambda x, gradient: 1.5e-6 * gradient * x.cos()),
            False,
        ),
        case("rows reversed", "行の順番が逆"): (
            custom(torch.sin, lambda x, gradient: (gradient * x.cos()).flip(0)),
            False,
        ),
    }
    for x in (torch.randn(2, 3).double(), torch.randn(4).double().requires_grad_()):
        for name, (function, right) in functions.items():
            found = answer.is_right(function, x)
            expect(
                isinstance(found, bool) and found == right,
                ja="関数{name}に `{found}` と答えました(正しくは `{right}`)。出力ごとに違う勾配を送り込み、"
                "すべての成分を比べます。",
                en="Of the function {name} the answer was `{found}` (should be `{right}`). Send another gradient "
                "into each output, and compare every entry.",
                name=name,
                found=found,
                right=right,
            )
