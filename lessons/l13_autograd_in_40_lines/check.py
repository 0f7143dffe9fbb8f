"""Checks of exercise 13: every operation beside torch's autograd, for shapes that are broadcast and that are not."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_type
from gradcheck_lm.course.language import Words

SHAPES = [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((3,), (4, 2, 3)), ((2, 3), (2, 3)), ((1, 3), (2, 1)),
          ((4, 1, 3), (2, 1))]  # fmt: skip


def numbers(shape, seed):
    """Numbers between 0.5 and 1.5 with a sign of their own, none of them 0 and no two alike."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.rand(shape, dtype=torch.float64, generator=generator) + 0.5
    return found * (torch.randint(0, 2, shape, generator=generator) * 2 - 1)


def beside_torch(answer, name, formula, *arrays):
    """(ours, torch's): the value and all gradients of the sum of formula(*arrays), each entry with a weight."""
    ours = [answer.Array(one) for one in arrays]
    value = formula(*ours)
    expect_type(name, answer.Array, value, kind=case("Array"))
    weights = numbers(tuple(value.data.shape), 99)
    (value * answer.Array(weights)).backward()
    theirs = [one.clone().requires_grad_() for one in arrays]
    right = formula(*theirs)
    grads = torch.autograd.grad((right * weights).sum(), theirs, allow_unused=True)
    found = [value.data, *(one.grad for one in ours)]
    return found, [
        right.detach(),
        *(torch.zeros_like(a) if g is None else g for a, g in zip(arrays, grads, strict=True)),
    ]


COPIES = Words(
    "増えた軸と、長さ 1 から伸びた軸だけについて、和を取ります。",
    "Sum over the axes that came in front and those stretched from length 1, and over no other.",
)
FACTOR = Words(
    "引数の勾配は、後ろの勾配ともう一方の因数の積で、形はその引数の形です。",
    "The gradient of an argument is that behind it times the other factor, in the argument's own shape.",
)
PRODUCT = Words(
    "どちらの勾配も行列積で、もう一方の因数を転置して使います。",
    "Both gradients are matrix products, with the other factor transposed.",
)
ADDEND = Words("どの加数の傾きも 1 です。", "The slope of every addend is 1.")
MEAN = Words(
    "行ごとに softmax の確率で平均し、分母も `Array` として計算します。",
    "It is a mean with the softmax probabilities of each row; what it is divided by is an `Array` too.",
)


def agree(name, shapes, found, right, *, nudge):
    """Reject where a value or a gradient has another shape or other numbers."""
    for place, (one, other) in enumerate(zip(found, right, strict=True)):
        gradient = Words("引数 {place} の勾配", "gradient of argument {place}").filled(place=place)
        what = gradient if place else Words("値", "value")
        expect(
            one.shape == other.shape,
            ja="`{name}`、形 `{shapes}`: {what}の形が `{one}` です。`{other}` のはずです。{nudge}",
            en="`{name}`, shapes `{shapes}`: the {what} has the shape `{one}`; it should be `{other}`. {nudge}",
            name=name,
            shapes=shapes,
            what=what,
            one=tuple(one.shape),
            other=tuple(other.shape),
            nudge=nudge,
        )
        far = float((one - other).abs().max()) if one.numel() else 0.0
        expect(
            torch.allclose(one, other),
            ja="`{name}`、形 `{shapes}`: {what}が PyTorch と最大 {far:.3g} 違います。{nudge}",
            en="`{name}`, shapes `{shapes}`: the {what} differs from that of torch by up to {far:.3g}. {nudge}",
            name=name,
            shapes=shapes,
            what=what,
            far=far,
            nudge=nudge,
        )


def check_unbroadcast(answer):
    """what broadcasting copied is added up, for axes in front, axes of length 1, and none
    ブロードキャストでコピーされた分を足し合わせる(前の軸、長さ 1 の軸、何もない場合)"""
    for small, large in [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 3)), ((1, 3), (2, 3)), ((2, 3), (4, 2, 3)),
                         ((1, 1), (4, 2, 3)), ((2, 3), (2, 3)), ((4, 1, 3), (4, 2, 3)), ((1,), (1,))]:  # fmt: skip
        leaf, gradient = numbers(small, 1).requires_grad_(), numbers(large, 2)
        (right,) = torch.autograd.grad((leaf.expand(large) * gradient).sum(), leaf)
        found = answer.unbroadcast(gradient, torch.Size(small))
        expect_type("unbroadcast", torch.Tensor, found)
        agree("unbroadcast", f"{large} -> {small}", [found], [right], nudge=COPIES)


def check_product(answer):
    """a product gives each factor its gradient, in the factor's own shape
    積は、それぞれの因数に、その因数の形の勾配を渡す"""
    for one, other in SHAPES:
        for a, b in ((one, other), (other, one)):
            found = beside_torch(answer, "x * y", lambda x, y: x * y, numbers(a, 3), numbers(b, 4))
            agree("x * y", f"{a} {b}", *found, nudge=FACTOR)

    def reused(x, row):
        y = x * row
        return (y * y + y) * x + row

    name = "(y * y + y) * x + row"
    found = beside_torch(answer, name, reused, numbers((2, 3), 8), numbers((3,), 9))
    agree(name, "(2, 3) (3,)", *found, nudge=FACTOR)


def check_matmul(answer):
    """a matrix product gives both factors their gradient, alone and in a network of two layers
    行列積は、両方の因数に勾配を渡す(単独でも、二層のネットワークの中でも)"""
    for n, k, m in ((2, 3, 4), (1, 5, 2), (3, 2, 1)):
        found = beside_torch(answer, "x @ y", lambda x, y: x @ y, numbers((n, k), 5), numbers((k, m), 6))
        agree("x @ y", f"{(n, k)} {(k, m)}", *found, nudge=PRODUCT)

    def formula(x, first, bias, second, last):
        third = 0.3 if isinstance(x, torch.Tensor) else answer.Array(0.3)
        return (((x @ first + bias) * third).exp() @ second + last).exp()

    shapes = [(5, 3), (3, 4), (4,), (4, 2), (1, 2)]
    name = "exp(exp(0.3 * (x @ a + b)) @ c + d)"
    found = beside_torch(answer, name, formula, *(0.5 * numbers(shape, 10 + i) for i, shape in enumerate(shapes)))
    agree(name, shapes, *found, nudge=PRODUCT)


def check_total(answer):
    """a sum over any axis keeps the axis, and hands its gradient to every addend
    どの軸の和も、軸を長さ 1 で残し、すべての加数に勾配を渡す"""
    for shape in ((2, 3), (3, 1), (2, 4, 3)):
        for axis in range(-1, len(shape)):

            def formula(x, axis=axis):
                return x.sum(axis, keepdim=True) if isinstance(x, torch.Tensor) else x.total(axis)

            name = f"x.total({axis})"
            agree(name, shape, *beside_torch(answer, name, formula, numbers(shape, 7)), nudge=ADDEND)


def check_cost(answer):
    """cost_of has a path to logits and costs, gradients that are not zero, and the right values
    cost_of から、ロジットとコストまで経路があり、勾配は 0 でなく、値が正しい"""

    def formula(logits, costs):
        if isinstance(logits, torch.Tensor):
            return (logits.softmax(1) * costs).sum(1, keepdim=True)
        return answer.cost_of(logits, costs)

    for rows in (1, 3):
        found, right = beside_torch(answer, "cost_of", formula, numbers((rows, 4), 20), numbers((4,), 21))
        expect(
            all(bool(one.ne(0).any()) for one in found[1:]),
            ja="勾配がすべて 0 です。番号や普通の数を経由すると、`made_of` には何も記録されません。",
            en="A gradient is 0 throughout. Where an index or a plain number is on the way, `made_of` records nothing.",
        )
        agree("cost_of", f"({rows}, 4) (4,)", found, right, nudge=MEAN)
