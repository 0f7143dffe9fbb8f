"""Checks of exercise 18: shapes that fit and that do not, labels that count and that do not, probabilities."""

import math

import torch

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, gradient_by_differences


def check_pairs(answer):
    """all with all is told from spreading one side alone
    総当たりと、片方だけを広げる場合を区別する"""
    for one, other, right in (
        ((8, 1), (8,), True),
        ((8,), (8, 1), True),
        ((3, 1), (1, 4), True),
        ((5, 1, 2), (3, 1), True),
        ((8,), (8,), False),
        ((8, 3), (3,), False),
        ((3,), (8, 3), False),
        ((8, 3), (8, 1), False),
        ((2, 3), (), False),
        ((1,), (7,), False),
        ((1, 1), (4,), False),
        ((8, 1), (8, 1), False),
        ((4, 2, 3), (2, 1), False),
    ):
        found = answer.compares_all_pairs(one, other)
        expect(
            isinstance(found, bool) and found == right,
            ja="形 `{one}` と `{other}` に `{found}` と答えました。正しくは `{right}` です。"
            "結果の要素数を、両方の形の要素数と比べてください。",
            en="For the shapes `{one}` and `{other}` the answer was `{found}`; it should be `{right}`. Compare the "
            "number of entries of the result with those of both.",
            one=one,
            other=other,
            found=found,
            right=right,
        )


def check_square(answer):
    """either shape of either side gives the same loss and the right gradient
    どちらの形でも、同じ損失と正しい勾配になる"""
    torch.manual_seed(181)
    for count in (5, 1):
        values, target = torch.randn(count, dtype=torch.float64), torch.randn(count, dtype=torch.float64)
        right = sum(float(a - b) ** 2 for a, b in zip(values, target, strict=True)) / count
        for tall in (False, True):
            for tall_target in (False, True):
                leaf = (values[:, None] if tall else values).clone().requires_grad_()
                aim = target[:, None] if tall_target else target
                found = answer.mean_square(leaf, aim)
                expect_type("mean_square", torch.Tensor, found)
                expect(
                    found.shape == () and abs(found.item() - right) < 1e-9,
                    ja="形 `{a}` と `{b}` のとき、{found:.4g} になりました。正しくは {right:.4g} です。"
                    "引き算の前に形をそろえ、引き算の後で平均しましたか。",
                    en="For the shapes `{a}` and `{b}` it is {found:.4g}; it should be {right:.4g}. Have both sides "
                    "the same shape where they are subtracted, and is it the mean?",
                    a=tuple(leaf.shape),
                    b=tuple(aim.shape),
                    found=found,
                    right=right,
                )
                truth = (2 / count * (values - target)).view_as(leaf)
                expect_gradient(lambda found=found: found, leaf, truth, what="`mean_square`")


def check_refused(answer):
    """any other pair of shapes is refused with a ValueError
    それ以外の形の組には ValueError を送出する"""
    for one, other in (
        ((4,), (5,)), ((4, 1), (1,)), ((1,), (4,)), ((4, 2), (4, 2)), ((4,), ()), ((1, 4), (4,)), ((4, 1), (4, 4)),
        ((2, 2, 1), (2, 2, 1)), ((4, 1, 1), (4,)), ((), ()),
    ):  # fmt: skip
        try:
            found = answer.mean_square(torch.ones(one), torch.ones(other))
        except ValueError:
            continue
        expect(
            False,
            ja="形 `{one}` と `{other}` を受け付けました(`{found}`)。ValueError にしてください。",
            en="The shapes `{one}` and `{other}` were taken (`{found}`): raise a ValueError.",
            one=one,
            other=other,
            found=found,
        )


def check_masked(answer):
    """the mean is over the places that count, and its gradient is right
    数える場所だけの平均で、勾配も正しい"""
    torch.manual_seed(182)
    for ignore, rows in (
        (-100, [[1, -100, 2], [2, -100, -100]]),
        (0, [[0, 0, 2], [2, 1, 0]]),
        (-100, [[-100, -100, -100], [-100, 3, -100]]),
    ):
        labels = torch.tensor(rows)
        logits = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
        given = {} if ignore == -100 else {"ignore": ignore}

        def right(values, labels=labels, ignore=ignore):
            kept = [(n, k) for n in range(2) for k in range(3) if int(labels[n, k]) != ignore]
            return -sum(values[n, k].log_softmax(-1)[int(labels[n, k])] for n, k in kept) / len(kept)

        found = answer.masked_cross_entropy(logits, labels, **given)
        expect_type("masked_cross_entropy", torch.Tensor, found)
        expect(
            found.shape == () and torch.allclose(found.double(), right(logits)),
            ja="`ignore` が `{ignore}` のとき {found:.4g} になりました。正しくは {right:.4g} です。"
            "softmax は最後の軸について取り、数える場所の数で割ります。",
            en="With `ignore` at `{ignore}` it is {found:.4g}; it should be {right:.4g}. The softmax is over the last "
            "axis, and the sum is divided by the number of places that count.",
            ignore=ignore,
            found=found,
            right=right(logits),
        )
        truth = gradient_by_differences(right, logits)
        expect_gradient(lambda found=found: found, logits, truth, what="`masked_cross_entropy`", tolerance=1e-6)


def check_nothing_counts(answer):
    """where no label counts, 0 with a gradient of 0
    数えるラベルがなければ、値も勾配も 0"""
    logits = torch.randn(2, 3, 4, requires_grad=True)
    found = answer.masked_cross_entropy(logits, torch.full((2, 3), -100))
    expect(
        float(found.detach()) == 0.0,
        ja="すべてのラベルを無視するとき、値が `{found}` になりました。0 か所の平均は 0 / 0 です。",
        en="Where all labels are ignored the value is `{found}`: a mean over no places is 0 / 0.",
        found=found,
    )
    gradient = torch.autograd.grad(found, logits, allow_unused=True)[0] if found.requires_grad else None
    expect(
        gradient is not None and not bool(gradient.any()) and bool(gradient.isfinite().all()),
        ja="すべてのラベルを無視するときも、`backward()` が呼べて、勾配が 0 でなければなりません。",
        en="Where all labels are ignored `backward()` must still work, and give a gradient of 0.",
    )


def check_nats(answer):
    """probabilities are not normalised once more
    確率をもう一度正規化しない"""
    torch.manual_seed(183)
    for rows in (4, 1):
        probabilities = torch.randn(rows, 3, dtype=torch.float64).softmax(-1).requires_grad_()
        labels = torch.arange(rows) % 3
        found = answer.nats_of_probabilities(probabilities, labels)
        right = -sum(math.log(probabilities[i, int(k)].item()) for i, k in enumerate(labels)) / rows
        expect_type("nats_of_probabilities", torch.Tensor, found)
        expect(
            found.shape == (),
            ja="形が `{shape}` です。一つの数 `()` を返してください。",
            en="The shape is `{shape}`; it should be one number, `()`.",
            shape=tuple(found.shape),
        )
        expect(
            abs(found.item() - right) < 1e-9,
            ja="{found:.4g} になりました。正しくは {right:.4g} です。正しいクラスの確率の対数だけを平均し、"
            "符号にも注意します。",
            en="It is {found:.4g}; it should be {right:.4g}: the mean of the logarithms of the right classes alone. "
            "Look at the sign too.",
            found=found,
            right=right,
        )
        truth = torch.zeros_like(probabilities)
        for i, k in enumerate(labels):
            truth[i, k] = -1 / rows / probabilities[i, k].detach()
        expect_gradient(lambda found=found: found, probabilities, truth, what="`nats_of_probabilities`")
