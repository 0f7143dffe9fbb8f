"""Lesson 22: custom Functions and second derivatives.

A loss with a backward of its own: the factor in front of it changes nothing, and once that is fixed, its
second derivative is wrong. After SeanNaren/warp-ctc#69, pytorch/pytorch#11750, #21961 and #58509.
Run it: python lessons/l22_custom_functions/lesson.py --lang ja
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.function import once_differentiable

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table

begin(__file__)

lines, letters = torch.randn(12, 6).double(), torch.randint(5, (12,))
recogniser = nn.Linear(6, 5).double()


class OwnLoss(torch.autograd.Function):
    """Cross entropy, its gradient computed beforehand."""

    @staticmethod
    def forward(ctx, logits, letters):
        ctx.gradient = logits.softmax(-1) - F.one_hot(letters, logits.shape[-1])
        return F.cross_entropy(logits, letters, reduction="sum")

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.gradient, None


def own(logits):
    return OwnLoss.apply(logits, letters)


def builtin(logits):
    return F.cross_entropy(logits, letters, reduction="sum")


def loss_of(function, factor):
    return factor * function(recogniser(lines))


def norm_of(function, factor):
    return torch.autograd.grad(loss_of(function, factor), recogniser.weight)[0].norm().item()


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="損失を `torch.autograd.Function` で自作しました。ほかの損失と足すために、前に係数を掛けて調整しています。",
    en="This loss is a `torch.autograd.Function` of one's own. It is to be added to other losses, so a factor "
    "stands in front of it, to be tuned.",
)
code(OwnLoss)
code(loss_of)
rows = [[factor, loss_of(own, factor), norm_of(own, factor)] for factor in (0.01, 1.0, 100.0)]
table(["factor", "loss", "gradient norm"], rows)
holds(
    len({row[2] for row in rows}) == 1 and rows[0][1] < rows[2][1], "the loss follows the factor, its gradient does not"
)
say(
    ja="損失の値は係数に比例して変わるのに、勾配は同じです。係数をいくら変えても、学習は何も変わりません。",
    en="The loss follows the factor and the gradient does not: however the factor is tuned, the training stays the "
    "same.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="作者はテストも書いていました。係数なしで `loss.backward()` を呼び、`F.cross_entropy` の勾配と比べるものです。"
    "結果はどうだったでしょうか。",
    en="Its author had written a test: `loss.backward()` without any factor, compared with the gradient of "
    "`F.cross_entropy`. What did it say?",
    choices=[
        choice(ja="一致した", en="they agree", right=True),
        choice(ja="符号が逆だった", en="the sign is wrong"),
        choice(ja="大きさが違った", en="the size is wrong"),
        choice(ja="`backward()` がエラーになった", en="`backward()` raises an error"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
found = [torch.autograd.grad(loss_of(function, 1.0), recogniser.weight)[0] for function in (own, builtin)]
far = ((found[0] - found[1]).norm() / found[1].norm()).item()
show("own test: distance from F.cross_entropy", far)
holds(far < 1e-12, "without a factor both gradients agree")
start = torch.randn(12, 5).double().requires_grad_()


def passes(check, function):
    return str(check(function, start, raise_exception=False))


factors = [2.0**power for power in range(-6, 7)]
curves = {function.__name__: [norm_of(function, factor) for factor in factors] for function in (own, builtin)}
plot("factor", factors, curves, x_label="factor", y_label="gradient norm", log=True)
rows = [[function.__name__, passes(gradcheck, lambda logits, f=function: 0.1 * f(logits)),
         gc.compare_gradients(lambda f=function: loss_of(f, 0.1), wrt=recogniser).verdict]
        for function in (own, builtin)]  # fmt: skip
table(["function, times 0.1", "gradcheck", "compare_gradients"], rows)
holds(
    [row[1] for row in rows] == ["False", "True"] and rows[0][2] == "wrong", "with a factor the test tells them apart"
)
say(
    ja="係数が 1 のときだけ、二つの勾配は一致します。作者のテストは、ちょうどその一点を調べていました。"
    "`backward()` は 1 から始まるので、入ってくる勾配 `grad_output` を無視しても、気づけません。",
    en="Only where the factor is 1 do the two agree, and this was the one place that the author's test had looked "
    "at. `backward()` begins with 1: with that, nobody sees that the incoming gradient `grad_output` is ignored.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
diagnosis = gc.diagnose(lambda: loss_of(own, 0.1), wrt=recogniser, check_values=True)
picture(diagnosis, "ignored")
holds([one.code for one in diagnosis.errors] == ["GF801"], "the debugger names wrong_value at the backward")
say(
    ja="`backward` が返すのは「損失の勾配」ではなく、「入ってきた勾配 × この関数の微分」です。"
    "連鎖律の掛け算を受け持つのは `backward` 自身で、autograd は代わりに掛けてくれません。診断は `{kind}` です。",
    en="What `backward` owes is not the gradient of the loss, but the incoming gradient times the derivative of this "
    "function. The product of the chain rule is its own task; autograd does not do it in its place. The finding is "
    "`{kind}`.",
    kind=diagnosis.errors[0].kind,
)


class Multiplied(OwnLoss):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.gradient, None


class Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, letters):
        ctx.save_for_backward(logits, letters)
        return F.cross_entropy(logits, letters, reduction="sum")

    @staticmethod
    def backward(ctx, grad_output):
        logits, letters = ctx.saved_tensors
        return grad_output * (logits.softmax(-1) - F.one_hot(letters, logits.shape[-1])), None


def multiplied(logits):
    return Multiplied.apply(logits, letters)


def recomputed(logits):
    return Recomputed.apply(logits, letters)


def penalty_of(function):
    """How steep the loss is at its inputs: a loss made of a gradient."""
    at = lines.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(recogniser(at)), at, create_graph=True)
    return slope.square().sum()


say(
    ja="`grad_output` を掛けると、`gradcheck` は `True` になります。ところが、"
    "勾配そのものを損失に使う勾配ペナルティでは、まだ値が違います。",
    en="With `grad_output` multiplied in, `gradcheck` says `True`. And with a gradient penalty, a loss made of a "
    "gradient, the value is still wrong.",
)
code(Multiplied)
code(penalty_of)
functions = (own, multiplied, recomputed, builtin)
rows = [[function.__name__, passes(gradcheck, lambda logits, f=function: 0.1 * f(logits)),
         passes(gradgradcheck, lambda logits, f=function: 0.1 * f(logits)) if function is not own else "-",
         gc.compare_gradients(lambda f=function: penalty_of(f), wrt={"weight": recogniser.weight}).verdict]
        for function in functions]  # fmt: skip
table(["function", "gradcheck", "gradgradcheck", "compare_gradients of the penalty"], rows)
holds(
    [row[1] for row in rows[1:]] == ["True"] * 3 and rows[1][2] == "False",
    "gradcheck passes what gradgradcheck does not",
)
holds([row[3] for row in rows] == ["wrong", "wrong", "agrees", "agrees"], "a gradient kept from forward is a constant")
places = torch.linspace(-4, 4, 33).double()


def bends(function):
    """The second derivative, along one logit of a row of two."""
    seconds = []
    for place in places:
        logit = place.clone().requires_grad_()
        row = torch.stack([logit, torch.zeros_like(logit)])[None]
        first = torch.autograd.grad(function.apply(row, torch.tensor([0])), logit, create_graph=True)[0]
        second = torch.autograd.grad(first, logit, allow_unused=True)[0] if first.requires_grad else None
        seconds.append(0.0 if second is None else second.item())
    return seconds


curves = {"multiplied": bends(Multiplied), "recomputed": bends(Recomputed)}
plot("second-derivative", places.tolist(), curves, x_label="logit", y_label="second derivative")
holds(not any(curves["multiplied"]) and max(curves["recomputed"]) > 0.2, "the second derivative is lost altogether")
say(
    ja="二階微分を求めるとき、autograd は `backward` の中の計算をさらに微分します。順伝播で計算しておいた "
    "`ctx.gradient` は、そこでは計算グラフのない定数です。だから、二階微分への寄与が、エラーなしに消えます。",
    en="For a second derivative autograd differentiates what `backward` computes. There `ctx.gradient`, computed in "
    "the forward pass, is a constant without a graph: what it would have added to the second derivative is gone, "
    "with no error.",
)


def forgotten(function):
    """The same penalty without create_graph."""
    at = lines.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(recogniser(at)), at)
    return {"loss": function(recogniser(lines)), "penalty": slope.square().sum()}


code(forgotten)
diagnosis = gc.diagnose(lambda: forgotten(builtin), wrt=recogniser)
picture(diagnosis, "no-create-graph")
holds([one.code for one in diagnosis.errors] == ["GF104"], "without create_graph the penalty is detached")
say(
    ja="`create_graph=True` を忘れると、勾配そのものに計算グラフが付きません。これは `{kind}` と診断されます。",
    en="Where `create_graph=True` is forgotten the gradient has no graph of its own: `{kind}`, the diagnosis says.",
    kind=diagnosis.errors[0].kind,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
code(Recomputed)
truth = torch.autograd.grad(penalty_of(builtin), recogniser.weight)[0]
found = torch.autograd.grad(penalty_of(recomputed), recogniser.weight)[0]
far = ((found - truth).norm() / truth.norm()).item()
ratio = norm_of(recomputed, 0.1) / norm_of(recomputed, 1.0)
report = gc.diagnose(lambda: loss_of(recomputed, 0.1), wrt=recogniser, check_values=True)
show("gradient norm of the penalty", found.norm())
show("distance from F.cross_entropy", far)
show("gradient with the factor 0.1, of that with 1", ratio)
show("findings", ", ".join(one.code for one in report.findings) or "none")
holds(found.norm() > 0 and far < 1e-9 and abs(ratio - 0.1) < 1e-9 and not report.findings, "all is right after the fix")
say(
    ja="`save_for_backward` で入力を残し、`backward` の中で計算し直します。`gradcheck` と `gradgradcheck` は float64 "
    "で、1 以外の勾配が入ってくる形で呼びます。",
    en="Keep the inputs with `save_for_backward`, and compute within `backward`. Call `gradcheck` and "
    "`gradgradcheck` in float64, in such a way that a gradient other than 1 comes in.",
)


class Once(Recomputed):
    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        logits, letters = ctx.saved_tensors
        return grad_output * (logits.softmax(-1) - F.one_hot(letters, logits.shape[-1])), None


def once(logits):
    return Once.apply(logits, letters)


def once_squared(logits):
    return once(logits).square()


def outcome(function):
    try:
        penalty_of(function).backward()
    except RuntimeError:
        return "RuntimeError"
    return gc.compare_gradients(lambda: penalty_of(function), wrt={"weight": recogniser.weight}).verdict


code(Once)
rows = [[function.__name__, outcome(function)] for function in (once, once_squared)]
table(["function", "penalty of it"], rows)
holds([row[1] for row in rows] == ["wrong", "RuntimeError"], "once_differentiable raises only behind another graph")
say(
    ja="二階微分を用意しないなら、`once_differentiable` を付ける方法もあります。ただし、エラーになるのは、"
    "入ってくる勾配自体に計算グラフがあるときだけです。そうでなければ、やはり黙って違う値になるので、"
    "テストの代わりにはなりません。",
    en="Where there is to be no second derivative, `once_differentiable` can say so. But it raises its error only "
    "where the gradient that comes in has a graph itself. Elsewhere the value is wrong in silence, as before: it is "
    "no substitute for a test.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、行ごとの損失の `backward`、勾配ペナルティ、ヘッセ行列とベクトルの積、"
    "そして誤った `backward` を見抜くテストを直します。",
    en="In the exercise you fix the `backward` of a loss for each row, a gradient penalty, the product of the "
    "Hessian and a vector, and a test that sees a wrong `backward`.",
)
finish()
