"""Checks of exercise 9: the noise by its formula, the law by standard errors, the gradient by differences."""

import math

import torch
import torch.nn.functional as F

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, numerical_gradient, standard_errors
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")
DRAWS = 20_000


def logits_of_letters():
    """Logits of 3 letters of 4 classes."""
    torch.manual_seed(61)
    return 1.5 * torch.randn(3, 4, dtype=torch.float64)


def gumbel(uniform):
    """The right noise."""
    return -(-uniform.log()).log()


def check_noise_by_its_formula(answer):
    """the noise is the quantile function of the Gumbel distribution
    雑音は Gumbel 分布の分位関数である"""
    for place in (0.01, 0.3, math.exp(-1), 0.75, 0.999):
        found = answer.gumbel_noise(torch.tensor([place], dtype=torch.float64))
        expect_type("gumbel_noise", torch.Tensor, found, kind=TENSOR)
        back = math.exp(-math.exp(-found.item()))
        expect(
            math.isclose(back, place, rel_tol=1e-6),
            ja="一様乱数 `{place:.3f}` から {x:.4f} になり、`exp(-exp(-x))` で戻すと {back:.4f} です。"
            "元に戻りません。対数は二度取ります。",
            en="From the uniform number `{place:.3f}` came {x:.4f}, and `exp(-exp(-x))` leads back to {back:.4f}, "
            "not to where it started. The logarithm is taken twice.",
            place=place,
            x=found,
            back=back,
        )


def check_noise_is_finite(answer):
    """a uniform number of exactly 0 gives finite noise too
    一様乱数がちょうど 0 でも、雑音は有限である"""
    for dtype in (torch.float32, torch.float64):
        uniform = torch.tensor([0.0, 0.5, 1 - torch.finfo(dtype).eps], dtype=dtype)
        found = answer.gumbel_noise(uniform)
        expect(
            bool(found.isfinite().all()) and bool((found[1:] > found[:-1]).all()),
            ja="一様乱数 `{uniform}` の雑音が `{found}` になりました。`torch.rand` はまれにちょうど 0 を返します。"
            "小さな正の数で下から抑えます。",
            en="The uniform numbers `{uniform}` gave the noise `{found}`. `torch.rand` gives exactly 0 now and then: "
            "clamp it from below with a small positive number.",
            uniform=uniform.tolist(),
            found=found.tolist(),
        )


def check_samples_are_letters(answer):
    """what is drawn is one-hot, to the bit
    引かれたものは 1 ビットまで one-hot である"""
    logits = logits_of_letters()
    for dtype in (torch.float32, torch.float64):
        uniform = torch.rand(2000, 3, 4, dtype=dtype)
        found = answer.sample(logits.to(dtype).expand(2000, -1, -1), uniform, 0.7)
        expect_type("sample", torch.Tensor, found, kind=TENSOR)
        right = F.one_hot(found.argmax(-1), 4).to(dtype)
        expect(
            torch.equal(found, right),
            ja="引かれた文字が one-hot ではありません(最大 {off:.2g} 違います)。"
            "softmax の値は勾配にだけ使い、ちょうど 0 になる差として足します。",
            en="What was drawn is not one-hot (off by up to {off:.2g}). "
            "The softmax is for the gradient alone: add it as a difference that is exactly 0.",
            off=(found - right).abs().max(),
        )


def check_law(answer):
    """at each temperature every letter is drawn as often as its probability says
    どの温度でも、文字は確率どおりの割合で引かれる"""
    logits = logits_of_letters()
    for temperature in (0.2, 1.0, 5.0):
        uniform = torch.rand(DRAWS, 3, 4, dtype=torch.float64)
        found = answer.sample(logits.expand(DRAWS, -1, -1), uniform, temperature)
        off = standard_errors(found, logits.softmax(-1))
        expect(
            off < 4,
            ja="温度 `{temperature}` で、文字の割合が softmax の確率から標準誤差の {off:.1f} 倍ずれています。"
            "雑音はロジットに足し、温度ではその後で割ります。",
            en="At temperature `{temperature}` the shares of the letters are {off:.1f} standard errors away from the "
            "softmax probabilities. Noise is added to the logits, and what comes out is divided by the temperature.",
            temperature=temperature,
            off=off,
        )


def check_gradient(answer):
    """with the noise held fixed: a path, not zero, and the gradient of the relaxed letters
    雑音を固定すると、道があり、0 でなく、緩和した文字の勾配と一致する"""
    start = logits_of_letters()
    uniform, weights = torch.rand(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    for temperature in (0.5, 2.0):
        moving = start.clone()

        def surrogate(moving=moving, temperature=temperature):
            return (((moving + gumbel(uniform)) / temperature).softmax(-1) * weights).sum()

        right = numerical_gradient(surrogate, moving)
        leaf = start.clone().requires_grad_()
        value = (answer.sample(leaf, uniform, temperature) * weights).sum()
        what = Words("`sample`", "`sample`")
        expect_gradient(lambda value=value: value, leaf, right, what=what, tolerance=1e-6)


def check_evaluation_is_quiet(answer):
    """outside training the likeliest letters are read, without noise, and still with a gradient
    学習でないときは、雑音なしで一番確からしい文字を読み、勾配もある"""
    logits = logits_of_letters().requires_grad_()
    for _ in range(20):
        found = answer.read(logits, training=False)
        expect(
            torch.equal(found.detach(), F.one_hot(logits.argmax(-1), 4).double()),
            ja="`training=False` なのに、一番確からしい文字ではありません。評価のときは雑音を足さないでください。",
            en="With `training=False` these are not the likeliest letters: no noise in evaluation.",
        )
    weights = torch.randn(3, 4, dtype=torch.float64)
    moving = logits.detach().clone()
    right = numerical_gradient(lambda: (moving.softmax(-1) * weights).sum(), moving)
    what = Words("`read`", "`read`")
    expect_gradient(lambda: (answer.read(logits, training=False) * weights).sum(), logits, right, what=what)


def check_letters_are_independent(answer):
    """two letters with the same logits are drawn independently
    ロジットの同じ二つの文字は、互いに独立に引かれる"""
    logits = logits_of_letters()[:1].expand(2, -1)
    shares = logits[0].softmax(-1)
    generator = torch.Generator().manual_seed(62)
    drawn = torch.stack([answer.read(logits, training=True, generator=generator).argmax(-1) for _ in range(2000)])
    same = (drawn[:, 0] == drawn[:, 1]).double()
    right = shares.square().sum()
    expect(
        standard_errors(same[:, None], right[None]) < 4,
        ja="二つの文字が同じになった割合は {found:.3f} です。独立なら {right:.3f} のはずです。"
        "雑音の形はロジットと同じにします。",
        en="The two letters were the same in a share of {found:.3f} of the draws; independent ones would be in "
        "{right:.3f}. The noise needs the shape of the logits.",
        found=same.mean(),
        right=right,
    )


def check_seed_repeats(answer):
    """the same seed gives the same letters, whatever torch's own random state
    seed が同じなら、torch 全体の乱数の状態によらず、同じ文字になる"""
    logits = logits_of_letters().expand(50, -1, -1)
    found = []
    for _ in range(2):
        torch.rand(7)
        found.append(answer.read(logits, training=True, generator=torch.Generator().manual_seed(63)))
    expect(
        torch.equal(*found),
        ja="同じ seed の `generator` を渡しても、違う文字になりました。渡された `generator` を使ってください。",
        en="A `generator` with the same seed gave other letters: use the one that is passed.",
    )


def check_what_the_temperature_changes(answer):
    """what the temperature changes
    温度が変えるもの"""
    expect(
        answer.TEMPERATURE_CHANGES == "c",
        ja="`{choice}` ではありません。レッスンの最初の表で、分布の列と勾配の列を見比べてください。",
        en="Not `{choice}`. In the lesson's first table, compare the column of the law with those of the gradient.",
        choice=answer.TEMPERATURE_CHANGES,
    )
