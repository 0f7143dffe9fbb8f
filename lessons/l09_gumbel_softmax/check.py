"""Checks of exercise 9: the noise by its formula, the law by standard errors, the gradient by differences."""

import math

import torch
import torch.nn.functional as F

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, gradient_by_differences, standard_errors

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
    ノイズは Gumbel 分布の分位関数である"""
    for place in (0.01, 0.3, math.exp(-1), 0.75, 0.999):
        found = answer.gumbel_noise(torch.tensor([place], dtype=torch.float64))
        expect_type("gumbel_noise", torch.Tensor, found)
        back = math.exp(-math.exp(-found.item()))
        expect(
            math.isclose(back, place, rel_tol=1e-6),
            ja="一様乱数 `{place:.3f}` から {x:.4f} になり、`exp(-exp(-x))` で戻すと {back:.4f} です。"
            "元に戻りません。対数は二度取り、それぞれの符号にも注意します。",
            en="From the uniform number `{place:.3f}` came {x:.4f}, and `exp(-exp(-x))` leads back to {back:.4f}, "
            "not to where it started. The logarithm is taken twice, and each has its sign.",
            place=place,
            x=found,
            back=back,
        )


def check_noise_is_finite(answer):
    """a uniform number of exactly 0 gives finite noise too
    一様乱数がちょうど 0 でも、ノイズは有限である"""
    for dtype in (torch.float32, torch.float64):
        uniform = torch.tensor([0.0, 0.5, 1 - torch.finfo(dtype).eps], dtype=dtype)
        found = answer.gumbel_noise(uniform)
        expect(
            bool(found.isfinite().all()) and bool((found[1:] > found[:-1]).all()),
            ja="一様乱数 `{uniform}` のノイズが `{found}` になりました。`torch.rand` はまれにちょうど 0 を返します。"
            "小さな正の数で下から抑えます。",
            en="The uniform numbers `{uniform}` gave the noise `{found}`. `torch.rand` gives exactly 0 now and then: "
            "clamp it from below with a small positive number.",
            uniform=uniform.tolist(),
            found=found.tolist(),
        )


def check_samples_are_letters(answer):
    """what is drawn is one-hot, to the bit
    サンプリングした文字は 1 ビットまで one-hot である"""
    logits = logits_of_letters()
    for dtype in (torch.float32, torch.float64):
        uniform = torch.rand(2000, 3, 4, dtype=dtype)
        found = answer.sample(logits.to(dtype).expand(2000, -1, -1), uniform, 0.7)
        expect_type("sample", torch.Tensor, found)
        right = F.one_hot(found.argmax(-1), 4).to(dtype)
        expect(
            torch.equal(found, right),
            ja="サンプリングした文字が one-hot ではありません(最大 {off:.2g} 違います)。"
            "softmax の値は勾配にだけ使い、ちょうど 0 になる差として足します。",
            en="What was drawn is not one-hot (off by up to {off:.2g}). "
            "The softmax is for the gradient alone: add it as a difference that is exactly 0.",
            off=(found - right).abs().max(),
        )


def check_law(answer):
    """at each temperature every letter is drawn as often as its probability says
    どの温度でも、文字は確率どおりの割合でサンプリングされる"""
    logits = logits_of_letters()
    for temperature in (0.2, 1.0, 5.0):
        uniform = torch.rand(DRAWS, 3, 4, dtype=torch.float64)
        found = answer.sample(logits.expand(DRAWS, -1, -1), uniform, temperature)
        off = standard_errors(found, logits.softmax(-1))
        expect(
            off < 4,
            ja="温度 `{temperature}` で、文字の割合が softmax の確率から標準誤差の {off:.1f} 倍ずれています。"
            "ノイズはロジットに足し、温度ではその後で割ります。",
            en="At temperature `{temperature}` the shares of the letters are {off:.1f} standard errors away from the "
            "softmax probabilities. Noise is added to the logits, and what comes out is divided by the temperature.",
            temperature=temperature,
            off=off,
        )


def check_gradient(answer):
    """with the noise held fixed: a path, not zero, and the gradient of the relaxed letters
    ノイズを固定すると、経路があり、0 でなく、緩和した文字の勾配と一致する"""
    start = logits_of_letters()
    uniform, weights = torch.rand(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    for temperature in (0.5, 2.0):

        def surrogate(x, temperature=temperature):
            return (((x + gumbel(uniform)) / temperature).softmax(-1) * weights).sum()

        right = gradient_by_differences(surrogate, start)
        leaf = start.clone().requires_grad_()
        value = (answer.sample(leaf, uniform, temperature) * weights).sum()
        expect_gradient(lambda value=value: value, leaf, right, what="`sample`", tolerance=1e-6)


def check_evaluation_is_quiet(answer):
    """outside training the likeliest letters are read, without noise, and still with a gradient
    学習でないときは、ノイズなしで一番確からしい文字を読み、勾配もある"""
    logits = logits_of_letters().requires_grad_()
    for given in [{}, {"generator": torch.Generator().manual_seed(66)}] * 10:  # what is passed is no question of mode
        found = answer.read(logits, training=False, **given)
        expect(
            torch.equal(found.detach(), F.one_hot(logits.argmax(-1), 4).double()),
            ja="`training=False` なのに、一番確からしい文字ではありません。評価のときはノイズを足さないでください。",
            en="With `training=False` these are not the likeliest letters: no noise in evaluation.",
        )
    weights = torch.randn(3, 4, dtype=torch.float64)
    right = gradient_by_differences(lambda x: (x.softmax(-1) * weights).sum(), logits)
    expect_gradient(lambda: (answer.read(logits, training=False) * weights).sum(), logits, right, what="`read`")


def check_letters_are_independent(answer):
    """two letters with the same logits are drawn independently
    ロジットの同じ二つの文字は、互いに独立にサンプリングされる"""
    logits = logits_of_letters()[:1].expand(2, -1)
    shares = logits[0].softmax(-1)
    generator = torch.Generator().manual_seed(62)
    drawn = torch.stack([answer.read(logits, training=True, generator=generator).argmax(-1) for _ in range(2000)])
    same = (drawn[:, 0] == drawn[:, 1]).double()
    right = shares.square().sum()
    expect(
        standard_errors(same[:, None], right[None]) < 4,
        ja="二つの文字が同じになった割合は {found:.3f} です。独立なら {right:.3f} のはずです。"
        "ノイズの形はロジットと同じにします。",
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


def check_read_in_training(answer):
    """in training the letters are those of sample, with its temperature and its gradient
    学習のときは sample によるサンプリングと同じ文字で、温度も勾配も同じ"""
    logits, weights = logits_of_letters(), torch.randn(3, 4, dtype=torch.float64)
    for temperature in (1.0, 0.4, 3.0):
        generator = torch.Generator().manual_seed(64)
        uniform = torch.rand(logits.shape, generator=torch.Generator().manual_seed(64), dtype=torch.float64)

        def relaxed(x, uniform=uniform, temperature=temperature):
            return (((x + gumbel(uniform)) / temperature).softmax(-1) * weights).sum()

        right = gradient_by_differences(relaxed, logits)
        leaf = logits.clone().requires_grad_()
        given = {} if temperature == 1.0 else {"temperature": temperature}
        value = (answer.read(leaf, training=True, generator=generator, **given) * weights).sum()
        (found,) = torch.autograd.grad(value, leaf, allow_unused=True)
        expect(
            found is not None and torch.allclose(found, right, rtol=1e-5, atol=1e-9),
            ja="温度 `{temperature}` の学習で、`read` の勾配が `sample` のものと違います。"
            "`logits` と同じ形と型の一様乱数を `generator` で一度だけ生成し、温度も渡します。",
            en="In training at temperature `{temperature}` the gradient of `read` is not that of `sample`: draw "
            "uniform "
            "numbers of the shape and dtype of `logits` once from `generator`, and hand the temperature on.",
            temperature=temperature,
        )


def check_every_axis_but_the_last(answer):
    """letters of several lines are drawn and read along the last axis
    複数の行の文字も、最後の軸についてサンプリングし、読む"""
    torch.manual_seed(65)
    logits, weights = torch.randn(4, 3, 4, dtype=torch.float64), torch.randn(4, 3, 4, dtype=torch.float64)
    uniform = torch.rand(logits.shape, dtype=torch.float64)
    ways = {
        "sample": (lambda x: answer.sample(x, uniform, 0.8), lambda x: ((x + gumbel(uniform)) / 0.8).softmax(-1)),
        "read": (lambda x: answer.read(x, training=False, temperature=0.3), lambda x: x.softmax(-1)),
    }
    for name, (way, soft) in ways.items():
        leaf, other = logits.clone().requires_grad_(), logits.clone().requires_grad_()
        value = way(leaf)
        (found,) = torch.autograd.grad((value * weights).sum(), leaf)
        (right,) = torch.autograd.grad((soft(other) * weights).sum(), other)
        hard = F.one_hot(soft(other).argmax(-1), 4).double()
        expect(
            torch.equal(value.detach(), hard) and torch.allclose(found, right, rtol=1e-6, atol=1e-9),
            ja="三つの軸を持つロジットで `{name}` の文字か勾配が違います。どれも最後の軸について求めます。"
            "評価のときは温度を使いません。",
            en="For logits of three axes the letters or the gradient of `{name}` are wrong: everything is along "
            "the last "
            "axis. In evaluation there is no temperature.",
            name=name,
        )


def check_what_the_temperature_changes(answer):
    """what the temperature changes
    温度が変えるもの"""
    expect(
        answer.TEMPERATURE_CHANGES == "c",
        ja="`{choice}` ではありません。この課の最初の表で、分布の列と勾配の列を見比べてください。",
        en="Not `{choice}`. In the lesson's first table, compare the column of the law with those of the gradient.",
        choice=answer.TEMPERATURE_CHANGES,
    )
