"""Checks of exercise 10: everything against exact enumeration of a line of 4 frames and 3 classes."""

import itertools
from functools import cache

import torch

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, gradient_by_differences, standard_errors
from gradcheck_lm.htr.ctc import sample_paths

DRAWS, SAMPLES = 2000, 4
COSTS = {(): 2.1, (1,): 1.3, (2,): 2.9, (1, 2): 1.6, (2, 1): 2.4}


def cost(classes):
    """The black box: a number for each string."""
    return COSTS.get(tuple(classes), 1.9 + 0.3 * len(classes))


def line():
    """Logits (T, C) of one line."""
    torch.manual_seed(71)
    return torch.randn(4, 3, dtype=torch.float64)


def spelt(path):
    """The classes of the string that a path spells."""
    return [one for place, one in enumerate(path) if one and (place == 0 or path[place - 1] != one)]


def every_path():
    """(T, 81): all there are."""
    return torch.tensor(list(itertools.product(range(3), repeat=4))).T


def probabilities(logits):
    """The probability of every path."""
    return logits.log_softmax(-1)[torch.arange(4)[:, None], every_path()].sum(0).exp()


@cache
def exact():
    """The gradient of the expected cost (T, C), by enumeration."""
    logits = line().requires_grad_()
    costs = torch.tensor([cost(spelt(path)) for path in every_path().T.tolist()], dtype=torch.float64)
    return torch.autograd.grad((probabilities(logits) * costs).sum(), logits)[0]


def path_log_prob(logits, paths):
    """The textbook's log-probability, of the path."""
    return logits.log_softmax(-1).gather(2, paths[:, :, None])[:, :, 0].sum(0)


def gradients(loss_of, less=0.0):
    """(DRAWS, T, C) independent estimates, `less` taken off all costs; loss_of takes log_prob and costs (K, N)."""
    logits = line()
    paths = sample_paths(logits[:, None], DRAWS * SAMPLES)[:, :, 0]
    costs = torch.tensor([cost(spelt(path)) - less for path in paths.T.tolist()], dtype=torch.float64)
    copies = logits[:, None].expand(-1, DRAWS * SAMPLES, -1).clone().requires_grad_()
    loss = loss_of(path_log_prob(copies, paths).view(SAMPLES, DRAWS), costs.view(SAMPLES, DRAWS))
    expect_type("surrogate", torch.Tensor, loss)
    expect(
        loss.requires_grad,
        ja="`surrogate` の結果に計算グラフがありません。`log_prob` からの経路を切らないでください。",
        en="The result of `surrogate` has no graph: keep the path from `log_prob`.",
    )
    (found,) = torch.autograd.grad(loss, copies)
    return found.view(4, SAMPLES, DRAWS, 3).sum(1).transpose(0, 1)


def check_baseline(answer):
    """each sample's baseline is the mean of the other samples of its line
    各サンプルのベースラインは、同じ行のほかのサンプルの平均である"""
    torch.manual_seed(72)
    costs = torch.randn(5, 2, dtype=torch.float64)
    found = answer.leave_one_out(costs)
    expect_type("leave_one_out", torch.Tensor, found)
    right = torch.stack([torch.cat([costs[:k], costs[k + 1 :]]).mean(0) for k in range(5)])
    moved = costs.clone()
    moved[1, 0] += 1.0
    own = float((answer.leave_one_out(moved) - found)[1, 0].abs())
    expect(
        own < 1e-12,
        ja="サンプルのコストを 1 だけ変えると、そのサンプル自身のベースラインが {own:.3g} 動きます。"
        "自分のコストが混ざると、勾配の平均が変わってしまいます。",
        en="Change a sample's cost by 1, and its own baseline moves by {own:.3g}. "
        "With its own cost in it, the baseline changes the mean of the gradient.",
        own=own,
    )
    expect(
        found.shape == right.shape and torch.allclose(found, right),
        ja="ベースラインが、ほかのサンプルの平均と違います。行(N)ごとに、サンプル(K)の軸で平均を取り、個数で割ります。",
        en="The baseline is not the mean of the other samples. For each line (N) take it over the samples (K), "
        "and divide by how many others there are.",
    )


def check_costs_are_numbers(answer):
    """no gradient goes to the costs
    コストのほうへは勾配が流れない"""
    log_prob = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    costs = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    value = answer.surrogate(log_prob, costs)
    expect_type("surrogate", torch.Tensor, value)
    found = torch.autograd.grad(value, costs, allow_unused=True)[0] if value.requires_grad else None
    expect(
        found is None or not found.any(),
        ja="コストに勾配が流れます。この関数はコストをただの数として扱う前提です。`detach` してください。"
        "(コスト自身がパラメータの関数なら、その勾配の期待値は別の項として加えます。)",
        en="A gradient goes to the costs. Here they count as plain numbers: detach them. (Where costs are themselves a "
        "function of the parameters, the mean of their own gradient is a term to be added apart.)",
    )


def check_unbiased(answer):
    """the mean over many draws is the exact gradient
    たくさんのサンプルの平均が、正確な勾配と一致する"""
    found = gradients(answer.surrogate)
    mean = found.mean(0)
    expect(
        bool(mean.any()),
        ja="勾配がちょうど 0 です。",
        en="The gradient is exactly 0.",
    )
    off = standard_errors(found, exact())
    ratio = (mean * exact()).sum() / exact().square().sum()
    expect(
        off < 4,
        ja="勾配の平均が、数え上げた正確な勾配から標準誤差の {off:.1f} 倍ずれています"
        "(正しい向きの成分は {ratio:.2f} 倍)。"
        "符号、`log p` と `p` の取り違え、サンプルについての平均を確かめてください。",
        en="The mean of the gradient is {off:.1f} standard errors away from the exact one "
        "(along it, {ratio:.2f} times its length). "
        "Look at the sign, at `log p` in place of `p`, and at the mean over samples.",
        off=off,
        ratio=ratio,
    )


def check_quiet(answer):
    """the baseline is used: the variance falls to less than a third
    ベースラインが使われていて、分散が 3 分の 1 より小さくなる"""
    plain = gradients(lambda log_prob, costs: (costs * log_prob).mean(0).sum()).var(0).sum()
    found = gradients(answer.surrogate).var(0).sum()
    expect(
        found < plain / 3,
        ja="平均は正しいのですが、分散は {found:.3g} です(ベースラインなしで {plain:.3g})。"
        "ベースラインを引きましたか。",
        en="The mean is right, and the variance is {found:.3g} (without a baseline, {plain:.3g}). "
        "Is the baseline taken away?",
        found=found,
        plain=plain,
    )


def check_the_same_number_off_all_costs(answer):
    """the same number off all costs, some of them below 0 then, changes no gradient
    すべてのコストから同じ数を引いて、負のものが混ざっても、勾配は変わらない"""
    found = []
    for less in (0.0, 2.2):
        torch.manual_seed(74)
        found.append(gradients(answer.surrogate, less))
    expect(
        torch.allclose(*found, rtol=1e-6, atol=1e-9),
        ja="すべてのコストから {less} を引くと、勾配が変わりました。ベースラインも同じだけ下がるので、"
        "差は変わらないはずです。コストの符号は問いません。",
        en="With {less} taken off all costs the gradient was another one. The baseline falls by as much, so the "
        "difference stays; costs may have either sign.",
        less=2.2,
    )


def check_marginal(answer):
    """log p of a string is the sum over all paths that spell it
    文字列の log p は、その文字列になる全部のパスの和である"""
    logits, paths = line(), every_path()
    shares = probabilities(logits)
    texts = [tuple(spelt(path)) for path in paths.T.tolist()]
    right = torch.stack([sum(shares[i] for i, other in enumerate(texts) if other == text) for text in texts]).log()
    found = answer.string_log_prob(logits[:, None].expand(-1, 81, -1), paths)
    answer.string_log_prob(logits[:, None].requires_grad_().exp(), paths[:, :1])  # the watch asks for the graph
    expect_type("string_log_prob", torch.Tensor, found)
    expect(
        found.shape == (81,),
        ja="形が `{shape}` です。文字列ごとに一つの数、`(M,)` が必要です。`reduction` を確かめてください。",
        en="The shape is `{shape}`; one number for each string is needed, `(M,)`. Look at `reduction`.",
        shape=tuple(found.shape),
    )
    worst = int((found - right).abs().argmax())
    expect(
        torch.allclose(found, right),
        ja="パス `{path}` の文字列の確率は {right:.3g} ですが、{found:.3g} になりました。"
        "同じ文字列になるほかのパスも数えます。それが CTC の周辺確率です。",
        en="The string of the path `{path}` has the probability {right:.3g}; the answer is {found:.3g}. "
        "Count the other paths that spell it too: that is the CTC marginal.",
        path=paths[:, worst].tolist(),
        found=found[worst].exp(),
        right=right[worst].exp(),
    )
    empty = answer.string_log_prob(logits[:, None], torch.zeros(4, 1, dtype=torch.long))
    expect(
        bool(torch.isclose(empty[0], logits.log_softmax(-1)[:, 0].sum())),
        ja="空の文字列の確率が違います。",
        en="The probability of the empty string is wrong.",
    )


def check_gradient_of_the_marginal(answer):
    """a path to the logits, not zero, with the right value
    ロジットまで経路があり、0 でなく、値が正しい"""
    paths = torch.tensor([[1, 2], [1, 2], [0, 0], [2, 1]])
    logits = line()[:, None].repeat(1, 2, 1).requires_grad_()
    weights = torch.tensor([0.7, -1.3], dtype=torch.float64)

    def reference(moved):
        total = 0.0
        for column, weight in enumerate(weights):
            same = [
                i for i, path in enumerate(every_path().T.tolist()) if spelt(path) == spelt(paths[:, column].tolist())
            ]
            total = total + weight * probabilities(moved[:, column])[same].sum().log()
        return total

    def found():
        return (answer.string_log_prob(logits, paths) * weights).sum()

    right = gradient_by_differences(reference, logits)
    expect_gradient(found, logits, right, what="`string_log_prob`", tolerance=1e-6)


def check_black_box(answer):
    """together: with a black box, a path, not zero, and on average the exact gradient
    合わせて使うと、ブラックボックスでも経路があり、0 でなく、平均が正確な勾配と一致する"""
    logits = line().requires_grad_()
    generator = torch.Generator().manual_seed(73)
    for samples in (2, 7):
        scored = []

        def counted(text, scored=scored):
            scored.append(text)
            return cost(text)

        answer.policy_gradient(counted, logits, samples, generator)
        expect(
            len(scored) == samples,
            ja="`samples` が `{samples}` なのに、ブラックボックスは {count} 回呼ばれました。",
            en="With `samples` at `{samples}` the black box was asked {count} times.",
            samples=samples,
            count=len(scored),
        )
    found = torch.stack(
        [torch.autograd.grad(answer.policy_gradient(cost, logits, 4, generator), logits)[0] for _ in range(600)]
    )
    expect(
        float(found.abs().max()) > 1e-12,  # costs less their mean leave a rounding error
        ja="勾配が 0 です。サンプルが全部同じだと、コストとベースラインの差がいつも 0 になります。",
        en="The gradient is 0: where all samples are the same, each cost is equal to its baseline.",
    )
    off = standard_errors(found, exact())
    expect(
        off < 4,
        ja="勾配の平均が、正確な勾配から標準誤差の {off:.1f} 倍ずれています。"
        "`softmax(logits)` からサンプリングしてください。",
        en="The mean of the gradient is {off:.1f} standard errors away from the exact one. "
        "Draw the samples from `softmax(logits)`.",
        off=off,
    )
