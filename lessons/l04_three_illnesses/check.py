"""Checks of exercise 4: losses with every illness, healthy ones that look suspicious, and five cures."""

import math

import torch
from torch import nn

from gradcheck_lm.course.expect import case, expect, expect_gradient, gradient_by_differences
from gradcheck_lm.course.language import Words

JAPANESE = {
    "cut": "切断", "false leaf": "偽の葉テンソル", "zero": "ちょうど 0", "not finite": "NaN か無限大",
    "wrong": "値の誤り", "healthy": "健康",
}  # fmt: skip


def losses():
    """Name -> (function that gives the loss, illness): the lesson's, with other shapes and other numbers."""
    torch.manual_seed(11)
    weight = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    inputs = torch.randn(6, 4, dtype=torch.float64)
    other = torch.randn(3, dtype=torch.float64, requires_grad=True)
    embedding = nn.Embedding(3, 2).double().requires_grad_(False)
    judge = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).double().requires_grad_(False).eval()

    def out():
        return inputs @ weight

    def unrecorded():
        with torch.no_grad():
            return out().square().mean()

    def first_alone(x):
        return x[0].square().sum() + x[1:].detach().square().sum()

    found = {
        case("torch.tensor(math.exp(mean.item()))"): (lambda: torch.tensor(math.exp(out().mean().item())), "cut"),
        case("weight.data"): (lambda: (inputs @ weight.data).square().mean(), "cut"),
        case("torch.from_numpy(out.detach().numpy())"): (
            lambda: torch.from_numpy(out().detach().numpy()).mean(),
            "cut",
        ),
        case("torch.no_grad()"): (unrecorded, "cut"),
        case("argmax(-1)"): (lambda: out().argmax(-1).double().mean(), "cut"),
        case("early return", "途中で定数を返す"): (lambda: torch.tensor(0.0), "cut"),
        case("torch.tensor of losses", "損失を torch.tensor に詰める"): (
            lambda: torch.tensor([row.mean().item() for row in out()], requires_grad=True),
            "false leaf",
        ),
        case("requires_grad_(True)"): (lambda: out().detach().square().requires_grad_(True), "false leaf"),
        case("another model", "別のモデルだけにつながる"): (lambda: (out().detach() * other).square(), "false leaf"),
        case("x.round() + x - x"): (lambda: (out().round() + out() - out()).square(), "zero"),
        case("saturated clamp", "clamp の範囲の外"): (lambda: (out() * 0.01 + 7).clamp(max=1.0), "zero"),
        case("sqrt at 0", "0 での sqrt"): (
            lambda: (weight * torch.tensor([0.0, 1.0, 2.0])).square().sqrt(),
            "not finite",
        ),
        case("torch.where(x > 0, x.sqrt(), x)"): (lambda: torch.where(weight > 0, weight.sqrt(), weight), "not finite"),
        case("infinite", "勾配が無限大"): (lambda: (weight - weight.detach()).abs().pow(0.5), "not finite"),
        case("half of it detached", "積の片方だけを detach"): (lambda: out() * out().detach(), "wrong"),
        case("one row alone", "一行だけに届く"): (lambda: first_alone(weight), "wrong"),
        case("one column alone", "一列だけに届く"): (lambda: first_alone(weight.T), "wrong"),
        case("twice", "勾配が二倍"): (lambda: out().square() + (out().square() - out().square().detach()), "wrong"),
        case("opposite", "勾配の符号が逆"): (lambda: 2 * out().detach().square() - out().square(), "wrong"),
        case("five per cent", "勾配が 5 % 足りない"): (
            lambda: out().square() * 0.95 + 0.05 * out().detach().square(),
            "wrong",
        ),
        case("one per cent", "勾配が 1 % 足りない"): (
            lambda: out().square() * 0.99 + 0.01 * out().detach().square(),
            "wrong",
        ),
        case("half of little", "小さい勾配の半分"): (lambda: out() * out().detach() * 1e-6, "wrong"),
        case("one part in 10,000", "誤差が一万分の一"): (
            lambda: out().square() * 0.9999 + 0.0001 * out().detach().square(),
            "healthy",
        ),
        case("eval()"): (lambda: judge(out()).square(), "healthy"),
        case("frozen layer", "凍結された層を通る"): (lambda: judge[0](out()).sigmoid(), "healthy"),
        case("frozen embedding", "凍結された埋め込みを通る"): (
            lambda: (out().softmax(-1) @ embedding.weight).square(),
            "healthy",
        ),
        case("multiplied by 1e-20", "1e-20 倍"): (lambda: out().square() * 1e-20, "healthy"),
        case("one entry alone", "一つの要素だけの関数"): (lambda: weight[2, 1] ** 3, "healthy"),
        case("negative slope", "傾きが負"): (lambda: -out().exp(), "healthy"),
    }

    def scalar(function):
        def loss():
            value = function()
            return value.sum() if value.ndim else value

        return loss

    return weight, {name: (scalar(function), word) for name, (function, word) in found.items()}


def diagnose(answer, names):
    """Compare the answer's word with the right one, for some of the losses."""
    weight, table = losses()
    for name, (loss, word) in table.items():
        if word not in names:
            continue
        said = answer.illness(loss, weight)
        expect(
            said in JAPANESE,
            ja="損失{name}に「{said}」と答えました。答えは六つの言葉のどれかです。",
            en="The answer to the loss {name} was `{said}`; it must be one of the six words.",
            name=name,
            said=said,
        )
        expect(
            said == word,
            ja="損失{name}は「{right}」ですが、「{said}」と答えました。",
            en='The loss {name} is "{right}", and the answer was "{said}".',
            name=name,
            right=Words(JAPANESE[word], word),
            said=Words(JAPANESE[said], said),
        )


def check_cuts(answer):
    """losses without a graph are cut
    計算グラフのない損失は「切断」"""
    diagnose(answer, {"cut"})


def check_false_leaves(answer):
    """True on the loss, None on the weight: a false leaf
    損失は True、重みは None なら「偽の葉テンソル」"""
    diagnose(answer, {"false leaf"})


def check_zeros(answer):
    """a path, and exactly 0 along it
    経路があって、勾配がちょうど 0 なら「ちょうど 0」"""
    diagnose(answer, {"zero"})


def check_not_finite(answer):
    """NaN or infinity, in whichever entry
    どの要素でも、NaN か無限大があれば「NaN か無限大」"""
    diagnose(answer, {"not finite"})


def check_wrong_values(answer):
    """a gradient that arrives, and is not that of the loss
    届いても、損失の勾配と違えば「値の誤り」"""
    diagnose(answer, {"wrong"})


def check_healthy_ones(answer):
    """losses that only look suspicious, or have a small gradient, are healthy
    怪しく見えるだけの損失や、勾配が小さいだけの損失は「健康」"""
    diagnose(answer, {"healthy"})


def check_looking_changes_nothing(answer):
    """naming an illness changes neither .grad nor the graph
    病名を調べても .grad と計算グラフは変わらない"""
    weight = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    loss = (weight**2).sum()
    answer.illness(lambda: loss, weight)
    expect(
        weight.grad is None,
        ja="調べただけで `.grad` が書き換わりました。`torch.autograd.grad` を使ってください。",
        en="Looking has written into `.grad`. Use `torch.autograd.grad`.",
    )
    try:
        loss.backward()
    except RuntimeError:
        expect(
            False,
            ja="調べたあとに `backward()` が呼べません。`retain_graph=True` で計算グラフを残してください。",
            en="After looking, `backward()` cannot be called: keep the graph with `retain_graph=True`.",
        )


def cured(function, point, what):
    """The house rule for a function with a true gradient."""
    truth = gradient_by_differences(function, point)
    expect_gradient(lambda: function(point), point, truth, what=what, tolerance=1e-6)


def check_perplexity(answer):
    """perplexity: the same value, and the right gradient
    perplexity: 値は同じで、勾配が正しく届く"""
    nats = torch.tensor([0.3, 1.7, 2.2, 0.9, 1.1], dtype=torch.float64, requires_grad=True)
    value = answer.perplexity(nats)
    expect(
        math.isclose(value.item(), math.exp(nats.mean().item()), rel_tol=1e-9),
        ja="`perplexity` の値が変わりました({found:.4g}、正しくは {right:.4g})。",
        en="The value of `perplexity` has changed ({found:.4g}, should be {right:.4g}).",
        found=value,
        right=math.exp(nats.mean().item()),
    )
    cured(answer.perplexity, nats, "`perplexity`")


def check_mean_of_losses(answer):
    """mean_of_losses: the same value, and the right gradient
    mean_of_losses: 値は同じで、勾配が正しく届く"""
    weight = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)

    def mean(x):
        return answer.mean_of_losses([x[0] * x[1], x[1] ** 2, x.sum().sin(), x[2] ** 3])

    right = (weight[0] * weight[1] + weight[1] ** 2 + weight.sum().sin() + weight[2] ** 3).item() / 4
    expect(
        math.isclose(mean(weight).item(), right, rel_tol=1e-9),
        ja="平均の値が変わりました({found:.4g}、正しくは {right:.4g})。",
        en="The value of the mean has changed ({found:.4g}, should be {right:.4g}).",
        found=mean(weight),
        right=right,
    )
    cured(mean, weight, "`mean_of_losses`")


def check_rounded(answer):
    """rounded: whole numbers going forward, the gradient of no rounding going backward
    rounded: 順伝播では整数、逆伝播では丸めなかったときの勾配"""
    x = torch.tensor([[0.2, 1.7, -2.4], [3.6, -0.8, 5.1]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], dtype=torch.float64)
    value = answer.rounded(x)
    expect(
        torch.allclose(value, x.round(), atol=1e-9),
        ja="順伝播の値が整数になっていません。値は `x.round()` のままにしてください。",
        en="Going forward the values are no whole numbers: they should stay those of `x.round()`.",
    )
    expect_gradient(lambda: (answer.rounded(x) * scale).sum(), x, scale, what="`rounded`", tolerance=1e-9)


def check_root_or_zero(answer):
    """root_or_zero: 0 and a gradient of 0 where x is not positive, nowhere NaN
    root_or_zero: x が正でない所は値も勾配も 0 で、NaN はどこにもない"""
    x = torch.tensor([[4.0, -1.0, 0.25], [0.0, 9.0, -3.0]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([[1.0, 5.0, -2.0], [7.0, 3.0, 2.0]], dtype=torch.float64)
    found = answer.root_or_zero(x)
    right = torch.tensor([[2.0, 0.0, 0.5], [0.0, 3.0, 0.0]], dtype=torch.float64)
    expect(
        torch.allclose(found, right),
        ja="`root_or_zero` の値が違います。正の所は平方根、それ以外は 0 です。",
        en="The value of `root_or_zero` is not right: the root where x is positive, 0 elsewhere.",
    )
    (gradient,) = torch.autograd.grad((found * scale).sum(), x)
    expect(
        not bool(gradient.isnan().any()),
        ja="勾配に NaN があります。`where` は、選ばない側の勾配も計算します。`sqrt` に渡す前に選んでください。",
        en="The gradient holds NaN: `where` computes the gradient of the side that it does not choose as well. Choose "
        "before `sqrt` is called.",
    )
    truth = torch.tensor([[0.25, 0.0, -2.0], [0.0, 0.5, 0.0]], dtype=torch.float64)
    expect_gradient(lambda: (answer.root_or_zero(x) * scale).sum(), x, truth, what="`root_or_zero`", tolerance=1e-9)


def check_spread(answer):
    """spread: the same value, and the gradient of all of it
    spread: 値は同じで、全体の勾配が届く"""
    x = torch.tensor([0.5, -1.5, 3.0, 4.4], dtype=torch.float64, requires_grad=True)
    right = float(x.detach().var(unbiased=False))
    expect(
        math.isclose(answer.spread(x).item(), right, rel_tol=1e-9),
        ja="`spread` の値が変わりました({found:.4g}、正しくは {right:.4g})。",
        en="The value of `spread` has changed ({found:.4g}, should be {right:.4g}).",
        found=answer.spread(x),
        right=right,
    )
    cured(answer.spread, x, "`spread`")


def check_frozen_layer(answer):
    """through_a_frozen_layer was healthy, and still is
    through_a_frozen_layer は初めから健康で、今も健康"""
    x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    weight = torch.linspace(-1, 2, 6, dtype=torch.float64).view(2, 3)
    right = (weight @ x.detach()).square().mean()
    expect(
        math.isclose(answer.through_a_frozen_layer(x).item(), right.item(), rel_tol=1e-9),
        ja="`through_a_frozen_layer` の値が変わりました。凍結された層は勾配を通します。ここは元のままで健康でした。",
        en="The value of `through_a_frozen_layer` has changed. A frozen layer lets a gradient through: it was healthy.",
    )
    cured(answer.through_a_frozen_layer, x, "`through_a_frozen_layer`")
