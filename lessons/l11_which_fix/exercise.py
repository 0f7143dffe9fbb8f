"""Exercise 11: bias, variance, cost, and what training says. / 演習 11: 偏り、分散、費用、そして学習の結果

draws: (K, ...) K independent gradients from one estimator, in one place; truth: (...) the true gradient there.
draws は、一つの推定量から同じ場所で得た、独立な K 個の勾配です。truth は、そこでの真の勾配です。
"""

import math


def variance(draws):
    """The variance of one draw, added up over all entries: a tensor ().

    1 回分の勾配の分散を、すべての要素について足したもの。スカラーのテンソル ()。
    """
    # TODO variance: the scatter of the gradients themselves: their lengths may be equal and their directions all different
    #                勾配そのものの散らばり。長さが同じでも、向きはばらばらかもしれない
    return draws.flatten(1).norm(dim=1).var()
    # END variance


def squared_bias(draws, truth):
    """The squared length of (expected draw - truth), right on average: a tensor (), which chance can make negative.

    (draws の期待値 - truth) の長さの 2 乗。平均して正しい推定値で、偶然によって負になることもある。
    """
    # TODO bias: the distance of the mean, not the mean distance; and the mean of few draws is off by noise alone
    #            距離の平均ではなく、平均の距離。しかも、少ないサンプルの平均は、ノイズだけでもずれる
    return (draws - truth).flatten(1).square().sum(1).mean()
    # END bias


def error_within(budget, milliseconds, bias2, variance):
    """The expected length of (mean of all calls that fit into the budget - truth): a float; infinite if none fits.

    budget: milliseconds in all; milliseconds: of one call; bias2: squared bias, of which a negative one counts as 0;
    variance: of one call.
    予算に入る回数だけ平均したものと truth との距離の期待値(float)。1 回も入らなければ無限大。
    budget は全体のミリ秒、milliseconds は 1 回のミリ秒、bias2 は偏りの 2 乗(負なら 0 とみなす)、variance は 1
    回の分散。
    """
    # TODO error: averaging over calls divides one of the two parts, and not the other
    #             何回も平均すると、二つの部分のうち一つだけが減る
    calls = budget / milliseconds
    return math.sqrt((bias2 + variance) / calls)
    # END error


def better(errors_a, errors_b):
    """Which of two trainings left fewer errors, line by line (L,): "a", "b", or "undecided" within 2 standard errors.

    Line i is the same line in both. The standard error is that of the mean difference of the same line in both.
    二つの学習のうち、行ごとの誤り (L,) が少ないのはどちらか: "a"、"b"、または 2 標準誤差以内なら "undecided"。
    i 番目の行は、どちらでも同じ行。標準誤差は、同じ行どうしの差の平均のもの。
    """
    # TODO better: lines differ much more than trainings: compare each line with itself, and ask how sure the difference is
    #              学習の差より、行ごとの差のほうがずっと大きい。同じ行どうしを比べ、差の確かさを問う
    return "a" if errors_a.mean() < errors_b.mean() else "b"
    # END better
