"""Checks of exercise 13: products, diamonds, the order of the walk, a second call; all compared with torch."""

import random

import torch

from gradcheck_lm.course.expect import expect, expect_type


def beside_torch(answer, formula, numbers):
    """Our gradients and torch's, of formula(make, *values), where make(number) is a constant of the same kind."""
    ours = [answer.Value(number) for number in numbers]
    formula(answer.Value, *ours).backward()
    theirs = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    loss = formula(lambda number: torch.tensor(number, dtype=torch.float64), *theirs)
    found = torch.autograd.grad(loss, theirs, allow_unused=True)
    return [one.grad for one in ours], [0.0 if one is None else one.item() for one in found]


def close(found, right):
    """Whether numbers agree to rounding."""
    return all(abs(a - b) <= 1e-9 * (1 + abs(b)) for a, b in zip(found, right, strict=True))


def check_product(answer):
    """the slopes of a product are right
    積の傾きが正しい"""
    found, right = beside_torch(answer, lambda make, x, y: x * y, [3.0, -5.0])
    expect(
        close(found, right),
        ja="`x * y` の勾配が {found} です。PyTorch では {right} です。`x` を動かすと、積は何倍で動きますか。",
        en="The gradients of `x * y` are {found}; torch gives {right}. When `x` moves, how many times as far does the "
        "product move?",
        found=found,
        right=right,
    )


def check_diamond(answer):
    """gradients that arrive by two paths are added
    二つの経路から届く勾配は足し合わされる"""
    found, right = beside_torch(answer, lambda make, x: x * make(3.0) + x * x, [0.7])
    expect(
        close(found, right),
        ja="`x` が何度も使われる式で、勾配が {found} になりました。PyTorch では {right} です。"
        "代入すると、最後に届いた経路だけが残ります。",
        en="In a formula that uses `x` several times the gradient is {found}; torch gives {right}. "
        "Assigning keeps only the path that came last.",
        found=found,
        right=right,
    )


def check_order(answer):
    """a value hands its gradient on only when all of it has arrived
    値は、勾配がすべて届いてから先へ渡す"""
    formulas = {
        "h + h.exp() * h": lambda make, x: (lambda h: h + h.exp() * h)(x * make(2.0)),
        "h.exp() * h + h": lambda make, x: (lambda h: h.exp() * h + h)(x * make(2.0)),
    }
    for name, formula in formulas.items():
        found, right = beside_torch(answer, formula, [0.4])
        expect(
            close(found, right),
            ja="`{name}` の勾配が {found} です。PyTorch では {right} です。"
            "`h` の勾配がそろわないうちに、`h` から先へ進んでいませんか。",
            en="The gradient of `{name}` is {found}; torch gives {right}. Does the walk go on from `h` before all of "
            "its gradient has arrived?",
            name=name,
            found=found,
            right=right,
        )


def check_second_call(answer):
    """a second backward() adds to the inputs once more, and only to them
    二度目の backward() は、入力にだけもう一度足す"""
    x = answer.Value(0.5)
    middle = x * x
    loss = middle.exp() * answer.Value(2.0)
    loss.backward()
    once = x.grad
    loss.backward()
    expect(
        close([x.grad], [2 * once]),
        ja="二度目の `backward()` のあと、入力の勾配は {found:.6g} です。一度目の {once:.6g} の倍になるはずです。"
        "途中の値に残った勾配を、もう一度流していませんか。それとも、入力まで 0 に戻していませんか。",
        en="After the second `backward()` the gradient of the input is {found:.6g}; it should be twice the first, "
        "{once:.6g}. Is what was left in between sent through again, or is the input set back to 0?",
        found=x.grad,
        once=once,
    )


def check_long_chain(answer):
    """a chain of 3,000 operations is no problem
    演算が 3,000 個つながっていても問題ない"""
    x = answer.Value(1.0)
    value, factor = x, answer.Value(1.001)
    for _ in range(3000):
        value = value * factor
    value.backward()
    right = 1.001**3000
    expect(
        close([x.grad], [right]),
        ja="長い鎖で勾配が {found:.6g} になりました(正しくは {right:.6g})。",
        en="In a long chain the gradient is {found:.6g} (should be {right:.6g}).",
        found=x.grad,
        right=right,
    )


def check_diamonds_in_a_row(answer):
    """forty diamonds one behind another take no longer than their boxes
    ひし形が 40 個続いても、箱の数に比例する時間で終わる"""
    x = answer.Value(0.5)
    value, asked, one, other = x, [0], answer.Value(0.3), answer.Value(0.6)

    class Counted(tuple):
        def __iter__(self):
            asked[0] += 1
            expect(
                asked[0] < 2000,
                ja="ひし形の続く式で、`made_of` を何千回も読んでいます。経路の数はひし形のたびに倍になります。",
                en="In a formula of many diamonds `made_of` is read thousands of times: the number of paths "
                "doubles with each.",
            )
            return super().__iter__()

    for _ in range(40):
        value = value * one + value * other
        value.made_of = Counted(value.made_of)
    value.backward()
    expect(
        close([x.grad], [0.9**40]),
        ja="ひし形の続く式で、勾配が {found:.6g} になりました(正しくは {right:.6g})。",
        en="In a formula of many diamonds the gradient is {found:.6g} (should be {right:.6g}).",
        found=x.grad,
        right=0.9**40,
    )


def check_equal_numbers(answer):
    """values that hold equal numbers are still different values; random formulas agree with torch
    数が等しくても別の値。ランダムな式でも PyTorch と一致する"""
    found, right = beside_torch(answer, lambda make, x, y: x * make(2.0) + (y * make(2.0)).exp(), [1.5, 1.5])
    expect(
        close(found, right),
        ja="数が等しい二つの値を取り違えました(勾配は {found}、正しくは {right})。値ではなく、物として区別します。",
        en="Two values with equal numbers were taken for one (gradients {found}, should be {right}). "
        "Tell them apart as objects, not by their numbers.",
        found=found,
        right=right,
    )
    chance = random.Random(4)
    for _ in range(20):
        steps = [(chance.randrange(3), chance.randrange(99), chance.randrange(99)) for _ in range(10)]

        def formula(make, *leaves, steps=steps):
            values = list(leaves)
            for kind, one, other in steps:
                a, b = values[one % len(values)], values[other % len(values)]
                values.append(a + b if kind == 0 else a * b if kind == 1 else (a * make(0.1)).exp())
            return values[-1]

        found, right = beside_torch(answer, formula, [chance.uniform(-1, 1) for _ in range(3)])
        expect(
            close(found, right),
            ja="ランダムに生成した式で、勾配が PyTorch と合いません({found}、正しくは {right})。",
            en="On a formula made at random the gradients differ from those of torch ({found}, should be {right}).",
            found=found,
            right=right,
        )


def check_cost(answer):
    """cost_of has a path to the logits, a gradient that is not zero, and the right value
    cost_of からロジットまで経路があり、勾配は 0 でなく、値が正しい"""
    numbers, costs = [0.2, -1.1, 0.9, 0.4], [3.0, 1.0, 7.0, 2.0]
    logits = [answer.Value(number) for number in numbers]
    loss = answer.cost_of(logits, costs)
    expect_type("cost_of", answer.Value, loss, kind="`Value`")
    loss.backward()
    found = [logit.grad for logit in logits]
    expect(
        any(found),
        ja="勾配がすべて 0 です。番号や普通の数を経由すると、`made_of` には何も記録されません。",
        en="All gradients are 0. An index or a plain number on the way means that `made_of` records nothing.",
    )
    true = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    value = (true.softmax(0) * torch.tensor(costs, dtype=torch.float64)).sum()
    right = torch.autograd.grad(value, true)[0].tolist()
    expect(
        close([loss.data], [value.item()]) and close(found, right),
        ja="期待値は {value:.6g}(正しくは {true:.6g})、勾配は {found}(正しくは {right})です。"
        "重みの和は 1 になっていますか。割り算も記録されていますか。",
        en="The expected value is {value:.6g} (should be {true:.6g}), its gradient {found} (should be {right}). "
        "Do the weights add up to 1, and is the division recorded too?",
        value=loss.data,
        true=value,
        found=found,
        right=right,
    )
