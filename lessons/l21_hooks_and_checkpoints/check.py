"""Checks of exercise 21: hooks that stay, paths that share memory, dropout in the second computation."""

import contextlib

import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_lm.course.expect import case, expect, expect_type
from gradcheck_lm.course.language import Words

MAY_CHANGE = {"recomputed": {"random"}}


def network():
    torch.manual_seed(211)
    inner = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
    return nn.Sequential(nn.Linear(3, 4), inner, nn.Linear(5, 2)).double()


def hooks_of(model):
    return [len(part._forward_hooks) + len(part._backward_hooks) + len(part._forward_pre_hooks)
            for part in model.modules()]  # fmt: skip


def check_inside(answer):
    """the gradient at each output, and at no other
    名前を挙げた部品の出力での勾配が、名前ごとに返る"""
    inputs = torch.randn(6, 3).double()
    for names in (["0"], ["1"], ["1.0", "0", "1"], ["2", "0"]):
        model = network()
        if len(names) == 3:
            model[0].requires_grad_(False)
            model[1].requires_grad_(True)

        def loss_of(one):
            return (one(inputs) - 1.0).square().sum()

        frozen = not model[0].weight.requires_grad
        asked = [name for name in names if not (frozen and name == "0")]
        found = answer.gradients_at(model, asked, loss_of)
        expect_type("gradients_at", dict, found, kind=Words("辞書", "a dict"))
        out0 = model[0](inputs).detach().requires_grad_()
        out10 = model[1][0](out0)
        out1 = model[1][1](out10)
        out2 = model[2](out1)
        stages = {"0": out0, "1.0": out10, "1": out1, "2": out2}
        right = torch.autograd.grad((out2 - 1.0).square().sum(), [stages[name] for name in asked])
        expect(
            list(found) == asked,
            ja="辞書の名前が `{found}` です(正しくは `{asked}`)。ループの中で作った関数は、"
            "呼ばれたときの変数の値を使います。",
            en="The names in the dict are `{found}` (should be `{asked}`). A function made in a loop uses what the "
            "variable is when it is called.",
            found=list(found),
            asked=asked,
        )
        for name, one in zip(asked, right, strict=True):
            expect(
                found[name] is not None and found[name].shape == one.shape and torch.allclose(found[name], one),
                ja="部品 `{name}` の出力での勾配が違います。その部品の出力を受け取っていますか。",
                en="The gradient at the output of part `{name}` is not right. Is that the output that you keep?",
                name=name,
            )


def check_nothing_is_left(answer):
    """no hook is left on any part, after an error in the loss too
    損失でエラーが起きたときも、どの部品にもフックが残らない"""
    inputs = torch.randn(6, 3).double()

    def broken(one):
        one(inputs)
        raise ArithmeticError("of the loss")

    for loss_of in (lambda one: one(inputs).sum(), broken):
        model = network()
        model[1].register_forward_hook(lambda part, given, out: out * 1.0)  # this one was there before
        before = hooks_of(model)
        with contextlib.suppress(ArithmeticError):
            answer.gradients_at(model, ["0", "1", "2"], loss_of)
        expect(
            hooks_of(model) == before,
            ja="呼んだあとのフックの数が、部品ごとに `{after}` です(前は `{before}`)。エラーのときも外してください。",
            en="After the call the parts have `{after}` hooks (before, `{before}`): take them off, after an error too.",
            after=hooks_of(model),
            before=before,
        )


def check_one_path_alone(answer):
    """the same bits forward, and backward this path alone is multiplied
    順伝播は 1 ビットも変わらず、逆伝播ではこの経路だけが factor 倍になる"""
    for factor in (-1.0, 0.0, 0.25, 3.0):
        x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
        start = x * 1.5
        out = answer.with_gradient_times(start, factor)
        expect_type("with_gradient_times", torch.Tensor, out, kind=Words("テンソル", "a tensor"))
        expect(
            torch.equal(out, start),
            ja="順伝播の値が変わりました。",
            en="The value of the forward pass has changed.",
        )
        weights, others = torch.randn(4, 3).double(), torch.randn(4, 3).double()
        (found,) = torch.autograd.grad((out * weights).sum() + (start * others).sum(), x)
        right = 1.5 * (factor * weights + others)
        expect(
            torch.allclose(found, right),
            ja="factor が `{factor}` のとき、x に届く勾配が違います。別の経路の勾配まで変えていませんか。",
            en="With a factor of `{factor}` the gradient that reaches x is not right. Is that of another path "
            "changed too?",
            factor=factor,
        )


def check_other_tensors(answer):
    """tensors that share the gradient's memory keep theirs, and one that asks for no gradient passes
    勾配のメモリを共有するテンソルの勾配は変わらず、勾配を求めないテンソルも通る"""
    for factor in (-1.0, 0.5):
        a, b, c = (torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(3))
        weights = torch.randn(5).double()
        left, right = c * 1.0, answer.with_gradient_times(a * 1.0, factor)
        joined = left + right + b * 1.0  # one is computed before it and one after: the memory is shared with both
        found = torch.autograd.grad((joined * weights).sum(), [a, b, c])
        expect(
            torch.allclose(found[0], factor * weights) and all(torch.equal(one, weights) for one in found[1:]),
            ja="factor が `{factor}` のとき、足した相手の勾配まで変わりました。受け取った勾配に書き込まず、"
            "新しいテンソルを返してください。",
            en="With a factor of `{factor}` the gradient of the other addend has changed too: do not write into the "
            "gradient that comes in, return a new one.",
            factor=factor,
        )
        data = torch.randn(3)
        expect(
            torch.equal(answer.with_gradient_times(data, factor), data),
            ja="勾配を求めないテンソルの値が変わりました。",
            en="The value of a tensor that asks for no gradient has changed.",
        )


def blocks():
    """Functions with their parameters: some of them with dropout, one with a parameter used twice."""
    torch.manual_seed(212)
    one, other = nn.Linear(4, 4).double(), nn.Linear(4, 4).double()
    weight = torch.randn(4, dtype=torch.float64, requires_grad=True)
    return {
        case("no randomness", "乱数なし"): (
            lambda x: torch.tanh(other(torch.tanh(one(x)))),
            [*one.parameters(), *other.parameters()],
        ),
        case("used twice", "パラメータを二度使う"): (lambda x: (x * weight).sin() * weight, [weight]),
        "dropout": (lambda x: F.dropout(torch.tanh(one(x)), 0.5), list(one.parameters())),
    }


def check_recomputed(answer):
    """gradients to x and to the parameters are those of no checkpoint, frozen inputs or not
    x にもパラメータにも、チェックポイントなしと同じ勾配が届く(入力が凍結されていても)"""
    for name, (function, parameters) in blocks().items():
        if name == "dropout":
            continue
        for asks in (True, False):
            x = torch.randn(6, 4, dtype=torch.float64, requires_grad=asks)
            weights = torch.randn(6, 4).double()
            wanted = [*([x] if asks else []), *parameters]
            right = torch.autograd.grad((function(x * 1.0) * weights).sum(), wanted)
            out = answer.recomputed(function, x, parameters)
            found = torch.autograd.grad((out * weights).sum(), wanted, allow_unused=True)
            expect(
                x.requires_grad == asks,
                ja="逆伝播のあと、入力の `requires_grad` が変わりました。入力そのものではなく、"
                "写しで計算し直してください。",
                en="After the backward pass `requires_grad` of the input has changed: compute anew with a copy of it.",
            )
            for place, (a, b) in enumerate(zip(found, right, strict=True)):
                expect(
                    a is not None and torch.allclose(a, b),
                    ja="関数{name}(入力の requires_grad は `{asks}`)で、{what}に届く勾配が違います({found})。"
                    "`backward` は、計算し直した出力に `grad_output` を送り込み、"
                    "x とすべてのパラメータの勾配を返します。",
                    en="For the function {name} (requires_grad of its input: `{asks}`) the gradient that reaches "
                    "{what} is not right ({found}). `backward` sends `grad_output` into what it has computed again, "
                    "and returns the gradients of x and of every parameter.",
                    name=name,
                    asks=asks,
                    what=Words(" x ", "x") if asks and place == 0 else Words("パラメータ", "a parameter"),
                    found="`None`" if a is None else Words("値が違う", "another value"),
                )


def check_same_randomness(answer):
    """the second computation drops what the first one dropped, and the random state stays
    二度目の計算でも一度目と同じものを落とし、乱数の状態は動かない"""
    function, parameters = blocks()["dropout"]
    for seed in (1, 2):
        x = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        torch.manual_seed(seed)
        right = torch.autograd.grad(function(x).square().sum(), [x, *parameters])
        torch.manual_seed(seed)
        loss = answer.recomputed(function, x, parameters).square().sum()
        torch.manual_seed(99)  # the network behind it draws random numbers as well
        state = torch.get_rng_state()
        found = torch.autograd.grad(loss, [x, *parameters])
        expect(
            all(torch.allclose(a, b) for a, b in zip(found, right, strict=True)),
            ja="Dropout があると勾配が違います。二度目の計算は、一度目と同じ乱数から始めます。",
            en="With dropout the gradient is not right: the second computation has to begin with the random numbers "
            "of the first.",
        )
        expect(
            torch.equal(state, torch.get_rng_state()),
            ja="逆伝播のあと、乱数の状態が変わっています。",
            en="After the backward pass the random state has changed.",
        )
