"""Checks of exercise 11: estimators whose bias and variance are known exactly, by enumeration or by construction."""

import math

import torch

from gradcheck_lm.course.expect import case, expect, expect_type, standard_errors


def problem():
    """Logits (C,) and costs (C,) of a choice, and the exact gradient of the expected cost."""
    logits = torch.tensor([0.4, -0.3, 1.1, 0.2], dtype=torch.float64)
    costs = torch.tensor([2.0, 5.0, 1.0, 3.5], dtype=torch.float64)
    shares = logits.softmax(0)
    return shares, costs, shares * (costs - (shares * costs).sum())


def policy_gradients(groups, draws):
    """(groups, draws, C): cost times the gradient of the log-probability, of sampled choices; unbiased."""
    shares, costs, _ = problem()
    chosen = torch.multinomial(shares, groups * draws, replacement=True).reshape(groups, draws)
    return costs[chosen][..., None] * (torch.eye(4, dtype=torch.float64)[chosen] - shares)


def exact_variance():
    """Of one policy gradient, by enumeration of the choices."""
    shares, costs, truth = problem()
    all_draws = costs[:, None] * (torch.eye(4, dtype=torch.float64) - shares)
    return ((all_draws - truth).square().sum(1) * shares).sum()


def check_variance(answer):
    """variance is right on average, on a sampled gradient whose variance is known exactly
    variance は、厳密な分散が分かっているサンプルの勾配で、平均して正しい"""
    found = [answer.variance(group) for group in policy_gradients(800, 5)]
    expect_type("variance", (float, torch.Tensor), found[0])
    found, right = torch.as_tensor(found, dtype=torch.float64), exact_variance()
    far = standard_errors(found[:, None], right[None])
    expect(
        far < 4,
        ja="分散の平均は {mean:.4g} ですが、厳密には {right:.4g} です(標準誤差の {far:.1f} 倍)。"
        "長さではなく、勾配そのものの散らばりです。回数から 1 を引いて割りましたか。",
        en="The variance is {mean:.4g} on average, and exactly {right:.4g} ({far:.1f} standard errors away). "
        "It is the scatter of the gradients, not of their lengths. Is the sum divided by the number of draws minus 1?",
        mean=found.mean(),
        right=right,
        far=far,
    )


def check_squared_bias(answer):
    """squared_bias is right on average, however few the draws and however large the noise
    squared_bias は、サンプルが少なくノイズが大きくても、平均して正しい"""
    _, _, truth = problem()
    shift = torch.tensor([0.3, -0.1, 0.0, -0.2], dtype=torch.float64)
    for name, offset in ((case("unbiased", "不偏な"), torch.zeros_like(shift)), (case("biased", "偏った"), shift)):
        found = [answer.squared_bias(group + offset, truth) for group in policy_gradients(800, 4)]
        expect_type("squared_bias", (float, torch.Tensor), found[0])
        found, right = torch.as_tensor(found, dtype=torch.float64), offset.square().sum()
        far = standard_errors(found[:, None], right[None])
        expect(
            far < 4,
            ja="{name}推定量で、偏りの二乗が平均して {mean:.4g} になりました。正しくは {right:.4g} です。"
            "ノイズを偏りに数えていませんか。",
            en="For the {name} estimator the squared bias is {mean:.4g} on average, and should be {right:.4g}. "
            "Is noise counted as bias?",
            name=name,
            mean=found.mean(),
            right=right,
        )


def check_error_of_calls(answer):
    """error_within agrees with the mean of many calls, as it is measured
    error_within は、何回も平均した結果と一致する"""
    cases = ((0.0, 9.0, 36.0, 9), (4.0, 0.0, 36.0, 9), (1.0, 8.0, 17.9, 4), (2.0, 5.0, 4.0, 1), (-3.0, 8.0, 9.0, 2))
    for bias2, variance, budget, calls in cases:
        found, right = answer.error_within(budget, 4.0, bias2, variance), math.sqrt(max(0.0, bias2) + variance / calls)
        expect_type("error_within", (float, torch.Tensor), found)
        expect(
            abs(float(found) - right) < 1e-9,
            ja="偏りの二乗が {bias2}、分散が {variance}、一回が `4` ms、予算が {budget} ms のとき "
            "{found:.4g} と答えました。正しくは {right:.4g} です。回数は整数で、減るのは分散だけです。",
            en="With squared bias {bias2}, variance {variance}, `4` ms a call and a budget of {budget} ms the answer "
            "is {found:.4g}; it should be {right:.4g}. Calls are whole, and only the variance gets smaller.",
            bias2=bias2,
            variance=variance,
            budget=budget,
            found=found,
            right=right,
        )


def check_no_call_fits(answer):
    """where not even one call fits into the budget, the error is infinite
    予算に一回も入らなければ、誤差は無限大"""
    found = answer.error_within(3.0, 4.0, 1.0, 1.0)
    expect(
        math.isinf(float(found)),
        ja="一回も呼べない予算で {found:.4g} と答えました。何も測れないので、誤差は無限大です。",
        en="Not even one call fits, and the answer was {found:.4g}. Nothing is known then: the error is infinite.",
        found=found,
    )


def check_a_small_difference_on_every_line(answer):
    """a small difference that is there on every line decides, however different the lines are
    どの行にもある小さな差は、行どうしがどれほど違っても決め手になる"""
    lines = torch.linspace(0, 20, 41, dtype=torch.float64)
    wobble = 0.2 * torch.sin(torch.arange(41, dtype=torch.float64))
    for wanted, sign in (("a", -1.0), ("b", 1.0)):
        found = answer.better(lines + sign * (0.5 + wobble), lines)
        expect(
            found == wanted,
            ja="どの行でも `{wanted}` の誤りが少ないのに、「{found}」と答えました。同じ行どうしの差を見てください。",
            en="On every line `{wanted}` makes fewer errors, and the answer was `{found}`. "
            "Look at the difference of each line with itself.",
            wanted=wanted,
            found=found,
        )


def check_chance_decides_nothing(answer):
    """where two trainings differ by chance alone, "undecided" is the usual answer
    偶然だけの差なら、ほとんどの場合 "undecided" と答える"""
    said = [answer.better(*torch.randn(2, 40, dtype=torch.float64)) for _ in range(400)]
    share = sum(one != "undecided" for one in said) / len(said)
    limit = 0.06 + 4 * math.sqrt(0.06 * 0.94 / len(said))  # what 2 standard errors of 40 lines leave to chance
    expect(
        share < limit,
        ja="同じ二つの学習を比べただけで、{share:.2f} の割合で勝敗が決まりました。"
        "平均の差だけでは、偶然と区別できません。",
        en="Two trainings that are the same were given a winner in a share of {share:.2f} of the cases. "
        "From two averages alone one cannot tell chance.",
        share=share,
    )


def check_equal_on_every_line(answer):
    """where both make the same errors on every line nobody is better; where one makes 1 more on each, the other is
    どの行でも誤りが同じなら優劣はなく、どの行でもちょうど 1 つ多ければ、少ないほうがよい"""
    lines = torch.arange(12.0, dtype=torch.float64)
    for wanted, more in (("undecided", 0.0), ("a", 1.0), ("b", -1.0)):
        found = answer.better(lines, lines + more)
        expect(
            found == wanted,
            ja="どの行でも差がちょうど {more:g} のとき「{found}」と答えました。正しくは「{wanted}」です。"
            "標準誤差が 0 になる場合も考えます。",
            en="With a difference of exactly {more:g} on every line the answer was `{found}`; it should be `{wanted}`. "
            "Think of a standard error of 0 too.",
            more=more,
            found=found,
            wanted=wanted,
        )


def check_two_standard_errors(answer):
    """the border is at two standard errors of the paired difference, on both sides
    境目は、対応のある差の標準誤差の二倍で、どちらの側でも同じ"""
    wobble = torch.tensor([1.0, -2.0, 0.5, 1.5, -1.0, 0.0, 2.0, -2.0, 0.3, -0.3], dtype=torch.float64)
    wobble = wobble - wobble.mean()
    error = float(wobble.std()) / math.sqrt(len(wobble))
    lines = torch.arange(10.0, dtype=torch.float64) ** 2
    for factor, wanted in ((1.9, "undecided"), (2.1, "a")):
        for first, second, right in ((-1, 0, wanted), (0, -1, "b" if wanted == "a" else wanted)):
            a, b = (lines + side * (factor * error + wobble) for side in (first, second))
            found = answer.better(a, b)
            expect(
                found == right,
                ja="差が標準誤差の `{factor}` 倍のとき「{found}」と答えました。正しくは「{right}」です。",
                en="With a difference of `{factor}` standard errors the answer was `{found}`; it should be `{right}`.",
                factor=factor,
                found=found,
                right=right,
            )


def check_gradients_of_any_shape(answer):
    """variance and bias of gradients with several axes, exactly
    いくつもの軸を持つ勾配でも、分散と偏りを正確に求める"""
    torch.manual_seed(81)
    draws, truth = torch.randn(5, 2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    scatter = sum(float((one - draws.mean(0)).square().sum()) for one in draws) / 4
    bias = float((draws.mean(0) - truth).square().sum()) - scatter / 5
    found = float(answer.variance(draws)), float(answer.squared_bias(draws, truth))
    expect(
        abs(found[0] - scatter) < 1e-9 and abs(found[1] - bias) < 1e-9,
        ja="形が `(5, 2, 3)` のとき、分散 {v:.4g}、偏りの二乗 {b:.4g} になりました(正しくは {rv:.4g} と {rb:.4g})。",
        en="For the shape `(5, 2, 3)` the variance is {v:.4g} and the squared bias {b:.4g} (should be {rv:.4g} and "
        "{rb:.4g}).",
        v=found[0],
        b=found[1],
        rv=scatter,
        rb=bias,
    )
