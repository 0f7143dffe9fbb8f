"""Checks of exercise 23: gradients that are known for each noise, costs with parameters of their own, a staircase."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_type
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")


def given(samples, width, seed=231):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(width, dtype=torch.float64, generator=generator).requires_grad_()
    scale = (torch.rand(width, dtype=torch.float64, generator=generator) + 0.3).requires_grad_()
    return mean, scale, torch.randn(samples, width, dtype=torch.float64, generator=generator)


def smooth(z):
    return (z**3).sum(-1) - z.prod(-1) - 2.0


def stairs(z):
    return (z > 0.2).double().sum(-1) * 3.0 - 1.0


def check_pathwise(answer):
    """the value and the gradient are those of the samples that move with mean and scale
    値も勾配も、mean と scale と一緒に動くサンプルのもの"""
    for samples, width in ((5, 3), (1, 2), (3, 3)):
        mean, scale, noise = given(samples, width)
        found = answer.pathwise_loss(mean, scale, smooth, noise)
        expect_type("pathwise_loss", torch.Tensor, found, kind=TENSOR)
        right = sum(smooth(mean + scale * one) for one in noise) / samples
        expect(
            found.ndim == 0 and torch.allclose(found, right),
            ja="コストの平均が `{found}` です(正しくは `{right}`)。サンプルは、与えられたノイズの "
            "scale 倍を mean に足したものです。コストは全サンプルで平均します。",
            en="The mean cost is `{found}` (should be `{right}`). A sample is mean plus scale times the noise that was "
            "given, and the cost is the mean over all of them.",
            found=found.tolist(),
            right=right.item(),
        )
        expect(
            found.requires_grad,
            ja="mean と scale に勾配が届きません。サンプルを切り離していませんか。",
            en="No gradient reaches mean and scale. Are the samples detached?",
        )
        gradients = [torch.autograd.grad(one, [mean, scale]) for one in (found, right)]
        expect(
            all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True)),
            ja="mean か scale に届く勾配が違います。",
            en="The gradient that reaches mean or scale is not right.",
        )


def by_hand(mean, scale, costs, noise):
    """The estimator written out: (cost - mean of the others) times the derivative of log p, for each sample."""
    gradients = [torch.zeros_like(mean), torch.zeros_like(scale)]
    for place, one in enumerate(noise):
        others = sum(cost for other, cost in enumerate(costs) if other != place) / (len(costs) - 1)
        advantage = (costs[place] - others) / len(costs)
        gradients[0] = gradients[0] + advantage * one / scale.detach()
        gradients[1] = gradients[1] + advantage * (one**2 - 1) / scale.detach()
    return gradients


def check_score(answer):
    """the value is the mean cost, and the gradient that of the score function, for smooth costs and for stairs
    値はコストの平均で、勾配はスコア関数によるもの(滑らかなコストでも階段でも)"""
    for samples, width in ((5, 3), (2, 2), (3, 3)):
        for name, cost in ((case("smooth", "滑らかなコスト"), smooth), (case("stairs", "階段のコスト"), stairs)):
            mean, scale, noise = given(samples, width)
            found = answer.score_loss(mean, scale, cost, noise)
            expect_type("score_loss", torch.Tensor, found, kind=TENSOR)
            costs = cost((mean + scale * noise).detach())
            expect(
                found.ndim == 0 and torch.allclose(found.detach(), costs.mean()),
                ja="{name}で、値が `{found}` です。返す値はコストの平均 `{right}` で、"
                "log p の項が変えるのは勾配だけです。",
                en="With the cost {name} the value is `{found}`. It should be the mean cost, `{right}`: the term with "
                "log p is there for the gradient alone.",
                name=name,
                found=found.tolist(),
                right=costs.mean().item(),
            )
            expect(
                found.requires_grad,
                ja="{name}で、mean と scale に勾配が届きません。",
                en="With the cost {name} no gradient reaches mean and scale.",
                name=name,
            )
            gradients = torch.autograd.grad(found, [mean, scale], allow_unused=True)
            right = by_hand(mean, scale, costs.tolist(), noise)
            for what, one, other in zip(("mean", "scale"), gradients, right, strict=True):
                expect(
                    one is not None and torch.allclose(one, other, rtol=1e-6, atol=1e-9),
                    ja="{name}で、`{what}` に届く勾配が違います。`z` は定数ですか。"
                    "ベースラインに、そのサンプル自身のコストが混ざっていませんか。",
                    en="With the cost {name} the gradient at `{what}` is not right. Is `z` a constant? Is a "
                    "sample's own cost in its baseline?",
                    name=name,
                    what=what,
                )


def check_own_parameters(answer):
    """parameters of the cost get the gradient of the mean cost, and change nothing of the rest
    cost 自身のパラメータには、コストの平均の勾配が届き、ほかの勾配は変わらない"""
    mean, scale, noise = given(4, 2)
    slope = torch.tensor([0.7, -1.3], dtype=torch.float64, requires_grad=True)
    found = answer.score_loss(mean, scale, lambda z: (z.sign() * slope).sum(-1) + slope.prod(), noise)
    gradients = torch.autograd.grad(found, [slope, mean, scale], allow_unused=True)
    z = (mean + scale * noise).detach()
    costs = (z.sign() * slope).sum(-1) + slope.prod()
    right = [*torch.autograd.grad(costs.mean(), slope), *by_hand(mean, scale, costs.tolist(), noise)]
    expect(
        gradients[0] is not None and torch.allclose(gradients[0], right[0]),
        ja="cost 自身のパラメータに届く勾配が違います。定数なのはサンプルで、コストの平均ではありません。",
        en="The gradient at the parameters of the cost is not right: the samples are constants, the mean cost is not.",
    )
    expect(
        all(a is not None and torch.allclose(a, b) for a, b in zip(gradients[1:], right[1:], strict=True)),
        ja="cost がパラメータを持つと、mean か scale に届く勾配が違います。",
        en="Where the cost has parameters the gradient at mean or scale is not right.",
    )


def check_mixed(answer):
    """averaged over the classes the gradient is that of the expected cost, through z and through the classes
    クラスについて平均すると、勾配は期待コストの勾配になる(z を通る分も、クラスを通る分も)"""
    samples, width, count = 3, 2, 4
    mean, scale, noise = given(samples, width, seed=232)
    generator = torch.Generator().manual_seed(233)
    matrix = torch.randn(width, count, dtype=torch.float64, generator=generator).requires_grad_()
    prices = torch.randn(count, dtype=torch.float64, generator=generator).requires_grad_()

    def logits_of(z):
        return z @ matrix

    def cost(z, classes):
        return (z**2).sum(-1) * prices[classes] + z[:, 0] + 0.5

    leaves = [mean, scale, matrix, prices]
    z = mean + scale * noise
    p = logits_of(z).softmax(-1)
    everything = torch.stack([cost(z, torch.full((samples,), one)) for one in range(count)], dim=-1)
    right = torch.autograd.grad((p * everything).sum() / samples, leaves)
    total = [torch.zeros_like(one) for one in leaves]
    for place in range(samples):
        for one in range(count):
            classes = torch.full((samples,), one)
            alone = torch.tensor([place])
            found = answer.mixed_loss(mean, scale, logits_of, cost, noise[alone], classes[alone])
            expect_type("mixed_loss", torch.Tensor, found, kind=TENSOR)
            gradients = torch.autograd.grad(found, leaves, allow_unused=True)
            share = p[place, one].detach() / samples
            total = [a if b is None else a + share * b for a, b in zip(total, gradients, strict=True)]
    for name, a, b in zip(("mean", "scale", "logits_of", "cost"), total, right, strict=True):
        expect(
            torch.allclose(a, b, rtol=1e-6, atol=1e-9),
            ja="クラスについて平均した勾配が、`{name}` のパラメータで正しくありません。"
            "z を通る分と、クラスの確率を通る分の、両方が要ります。",
            en="Averaged over the classes the gradient at the parameters of `{name}` is not right: it takes both "
            "what comes through z and what comes through the probabilities of the classes.",
            name=name,
        )
    classes = torch.tensor([2, 0, 3])
    found = answer.mixed_loss(mean, scale, logits_of, cost, noise, classes)
    one_by_one = [answer.mixed_loss(mean, scale, logits_of, cost, noise[[k]], classes[[k]]) for k in range(samples)]
    wanted = sum(one_by_one) / samples
    gradients = [torch.autograd.grad(one, leaves) for one in (found, wanted)]
    expect(
        torch.allclose(found, cost(z, classes).mean())
        and all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True)),
        ja="複数のサンプルで、値がコストの平均でないか、勾配がサンプルごとの平均ではありません。",
        en="With several samples the value is not the mean cost, or the gradient is not the mean over the samples.",
    )
