"""Checks of exercise 24: shapes in every order, masks from the left, padding that is not seen, samples one by one."""

import itertools

import torch

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, gradient_by_differences
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")


def given(*shape, seed=241):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def check_actor(answer):
    """either shape of each gives the same loss, and its own return to each action
    どの形の組み合わせでも同じ損失で、どの行動も自分のリターンから学ぶ"""
    for count in (5, 1):
        one, returns, values = given(count), given(count, seed=249), given(count, seed=243)
        right = sum(-float(a) * (float(b) - float(c)) for a, b, c in zip(one, returns, values, strict=True)) / count
        for shapes in range(8):
            sides = [
                (each[:, None] if shapes >> place & 1 else each).clone().requires_grad_()
                for place, each in enumerate((one, returns, values))
            ]
            found = answer.actor_loss(*sides)
            expect_type("actor_loss", torch.Tensor, found, kind=TENSOR)
            expect(
                found.shape == () and abs(found.item() - right) < 1e-9,
                ja="形 `{shapes}` のとき、損失が {found:.4g} になりました。正しくは {right:.4g} です。"
                "引いたり掛けたりするときに、`(N,)` と `(N, 1)` が混ざっていませんか。",
                en="For the shapes `{shapes}` the loss is {found:.4g}; it should be {right:.4g}. Does an `(N,)` meet "
                "an `(N, 1)` where you subtract or multiply?",
                shapes=[tuple(each.shape) for each in sides],
                found=found.tolist(),
                right=right,
            )
            truth = (-(returns - values) / count).view_as(sides[0])
            expect_gradient(lambda found=found: found, sides[0], truth, what="`actor_loss`")
            others = torch.autograd.grad(found, sides[1:], allow_unused=True)
            expect(
                all(each is None or not bool(each.any()) for each in others),
                ja="returns か values に勾配が届いています。差は定数です。",
                en="returns or values get a gradient: their difference is a constant.",
            )


def check_actor_refuses(answer):
    """any other shapes are refused with a ValueError
    それ以外の形には ValueError を送出する"""
    right = (4,)
    for wrong in ((5,), (1,), (4, 2), (), (1, 4), (4, 4), (4, 1, 1), (2, 2), (3, 1)):
        for place in range(3):
            shapes = [wrong if each == place else right for each in range(3)]
            try:
                found = answer.actor_loss(*(torch.ones(each) for each in shapes))
            except ValueError:
                continue
            expect(
                False,
                ja="形 `{shapes}` を受け付けました(`{found}`)。ValueError にしてください。",
                en="The shapes `{shapes}` were taken (`{found}`): raise a ValueError.",
                shapes=shapes,
                found=found,
            )
    for every in ((2, 2), (), (3, 1, 1)):
        try:
            answer.actor_loss(*(torch.ones(every) for _ in range(3)))
        except ValueError:
            continue
        expect(
            False,
            ja="三つとも形 `{every}` なのに受け付けました。ValueError にしてください。",
            en="Three of the shape `{every}` were taken: raise a ValueError.",
            every=every,
        )


MASKS = {
    (4, 3): [[True, False, True], [False, False, False], [True, True, True], [False, True, False]],
    (3,): [True, False, True],
    (3, 3): [[True, False, False], [True, True, False], [False, False, False]],
    (): True,
}


def check_masked(answer):
    """the mean over the entries that count, with its gradient, for values with further axes too
    数える要素の平均とその勾配(値の軸のほうが多くてもよい)"""
    for shape, rows in MASKS.items():
        for more in ((), (2,), (3,), (3, 3)):
            mask = torch.tensor(rows)
            values = given(*shape, *more).requires_grad_()
            places = itertools.product(*map(range, values.shape))
            counts = [place for place in places if bool(mask[place[: mask.ndim]])]

            def right(moved, counts=counts):
                return sum(moved[place] for place in counts) / len(counts)

            found = answer.masked_mean(values, mask)
            expect_type("masked_mean", torch.Tensor, found, kind=TENSOR)
            expect(
                found.shape == () and torch.allclose(found.detach(), right(values.detach())),
                ja="形 `{values}` の値と形 `{mask}` のマスクで、平均が {found:.4g} になりました。"
                "正しくは {right:.4g} です。マスクを値の形に広げ、足した個数で割っていますか。",
                en="For values `{values}` and a mask `{mask}` the mean is {found:.4g}; it should be {right:.4g}. Has "
                "the mask the shape of the values, and is the sum divided by as many as were added?",
                values=tuple(values.shape),
                mask=tuple(mask.shape),
                found=found.tolist(),
                right=right(values.detach()),
            )
            truth = gradient_by_differences(right, values)
            expect_gradient(lambda found=found: found, values, truth, what="`masked_mean`", tolerance=1e-6)


def check_masked_spoils_nothing(answer):
    """what does not count may be infinite or NaN; where nothing counts, 0 with a gradient of 0
    数えない要素は無限大や NaN でもよく、数える要素がなければ、値も勾配も 0"""
    mask = torch.tensor([[True, False, False], [False, True, False]])
    for bad in (float("inf"), float("-inf"), float("nan")):
        values = given(2, 3, 2).masked_fill(~mask[:, :, None], bad).requires_grad_()
        found = answer.masked_mean(values, mask)
        right = values.detach()[mask].mean()
        (slope,) = torch.autograd.grad(found, values)
        expect(
            torch.allclose(found.detach(), right),
            ja="数えない要素が `{bad}` のとき、値が `{found}` になります(正しくは {right:.4g})。"
            "0 を掛けても消えません。",
            en="Where what does not count is `{bad}` the value is `{found}` (should be {right:.4g}): a factor of 0 "
            "does not take it away.",
            bad=bad,
            found=found.tolist(),
            right=right,
        )
        expect(
            torch.equal(slope, mask[:, :, None].expand(2, 3, 2) / 4.0),
            ja="数えない要素が `{bad}` のとき、値は正しいのに、勾配が `{slope}` です。",
            en="Where what does not count is `{bad}` the value is right, and the gradient is `{slope}`.",
            bad=bad,
            slope=slope,
        )
    values = given(2, 3, 2).requires_grad_()
    found = answer.masked_mean(values, torch.zeros(2, 3, dtype=torch.bool))
    slope = torch.autograd.grad(found, values, allow_unused=True)[0] if found.requires_grad else None
    expect(
        found.item() == 0.0 and slope is not None and not bool(slope.any()),
        ja="数える要素がないとき、値が `{found}` です。値も勾配も 0 で、`backward()` が呼べなければなりません。",
        en="Where nothing counts the value is `{found}`: both value and gradient should be 0, and `backward()` work.",
        found=found.tolist(),
    )


def check_masked_refuses(answer):
    """a mask of any other shape is refused with a ValueError
    それ以外の形のマスクには ValueError を送出する"""
    for values, mask in (
        ((4, 3), (4, 1)), ((4, 3), (3,)), ((4,), (4, 1)), ((4, 3), (1, 3)), ((2, 2, 3), (2, 3)), ((4, 3), (4, 3, 1)),
        ((), (1,)), ((4, 3), (1,)),
    ):  # fmt: skip
        try:
            found = answer.masked_mean(torch.ones(values), torch.ones(mask, dtype=torch.bool))
        except ValueError:
            continue
        expect(
            False,
            ja="形 `{values}` の値に形 `{mask}` のマスクを受け付けました(`{found}`)。ValueError にしてください。",
            en="A mask `{mask}` was taken for values `{values}` (`{found}`): raise a ValueError.",
            values=values,
            mask=mask,
            found=found,
        )


def attended(scores, values, keep):
    """One sample by hand: over the keys that are kept, and zeros where none is."""
    if not bool(keep.any()):
        return (scores[:, :1] * 0).expand(len(scores), values.shape[-1])
    return scores[:, keep].softmax(-1) @ values[keep]


def check_attend(answer):
    """the right keys are left out, and neither their scores nor their values get a gradient
    除かれるのは正しいキーで、そのスコアにも値にも勾配が届かない"""
    for samples, queries, keys in ((3, 3, 3), (2, 4, 3), (3, 1, 3), (1, 2, 5)):
        padding = given(samples, keys, seed=244) > 0.2
        padding[:, 0] = False
        padding[0, -1] = True
        compare(answer, padding, queries)


def compare(answer, padding, queries):
    """The answer against each sample by hand, value and gradients, for small scores and for large ones."""
    samples, keys = padding.shape
    for scale in (1.0, 1e5, 1e306):  # a number that is small beside one score is not small beside another
        scores = (scale * given(samples, queries, keys)).requires_grad_()
        values = given(samples, keys, 2, seed=245).requires_grad_()
        found = answer.attend(scores, values, padding)
        expect_type("attend", torch.Tensor, found, kind=TENSOR)
        right = torch.stack([attended(*each) for each in zip(scores, values, ~padding, strict=True)])
        expect(
            found.shape == right.shape and torch.allclose(found, right),
            ja="形 `{scores}` のスコアと形 `{padding}` のパディングで、結果が違います。パディングの軸は、キーの軸です。"
            "キーがすべてパディングのサンプルは 0 です。",
            en="For scores `{scores}` and padding `{padding}` the result is not right. The axis of the padding is that "
            "of the keys; where all keys are padding it is 0.",
            scores=tuple(scores.shape),
            padding=tuple(padding.shape),
        )
        weights = given(*found.shape, seed=246)
        gradients = [torch.autograd.grad((one * weights).sum(), [scores, values]) for one in (found, right)]
        for name, one, truth in zip(("scores", "values"), *gradients, strict=True):
            expect(
                torch.allclose(one, truth),
                ja="`{name}` に届く勾配が違います。",
                en="The gradient at `{name}` is not right.",
                name=name,
            )


def check_all_padding(answer):
    """where all keys of a sample are padding: 0, with gradients of 0, and the others as ever
    キーがすべてパディングのサンプルは、値も勾配も 0 で、ほかのサンプルは変わらない"""
    compare(answer, torch.tensor([[True, True, True], [False, True, False]]), 2)


def check_samples(answer):
    """one gradient for each sample, whatever the shape of the weight
    重みの形が何であっても、サンプルごとに一つの勾配"""
    for shape in ((3, 4), (4,), (), (2, 1, 4)):
        for count in (5, 1):
            weight, inputs = given(*shape).requires_grad_(), given(count, *shape, seed=247)
            scales = given(count, seed=248)

            def loss_of(copies, inputs=inputs, scales=scales):
                outputs = (copies * inputs).flatten(1).sin().sum(1) if copies.ndim > 1 else (copies * inputs).sin()
                return (scales * outputs.square()).sum()

            found = answer.per_sample(loss_of, weight, count)
            expect_type("per_sample", torch.Tensor, found, kind=TENSOR)
            leaf = weight.detach().expand(count, *shape).clone().requires_grad_()
            (right,) = torch.autograd.grad(loss_of(leaf), leaf)
            expect(
                found.shape == right.shape and torch.allclose(found, right),
                ja="形 `{shape}` の重みと {count} 個のサンプルで、サンプルごとの勾配が違います(形 `{got}`、"
                "ノルム {norm:.4g}、正しくは {size:.4g})。",
                en="For a weight `{shape}` and {count} samples the gradients of the samples are not right (shape "
                "`{got}`, norm {norm:.4g}, should be {size:.4g}).",
                shape=shape,
                count=count,
                got=tuple(found.shape),
                norm=found.norm(),
                size=right.norm(),
            )
