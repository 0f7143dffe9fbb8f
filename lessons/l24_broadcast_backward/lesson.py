"""Lesson 24: broadcasting, and its backward pass.

A policy that learns nothing from its own returns, padding that counts, gradients too large by a factor. After
RLinf/RLinf#1568, PacktPublishing/Deep-Reinforcement-Learning-Hands-On#33 and #74, and
longlongman/CasRel-pytorch-reimplement#15.
Run it: python lessons/l24_broadcast_backward/lesson.py --lang ja
"""

import torch
import torch.nn.functional as F
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, table

begin(__file__)

states = torch.randn(32, 4).double()
rewards = states @ torch.randn(4, 3).double() + 4 * states[:, :1]  # of three actions; the state counts for more


def fresh_models():
    torch.manual_seed(2)
    return nn.Linear(4, 3).double(), nn.Linear(4, 1).double()  # an actor and a critic


def drawn(actor):
    """An action for each state: the logarithm of its probability, and what it returns."""
    log_p = actor(states).log_softmax(-1)
    actions = torch.multinomial(log_p.detach().exp(), 1)
    returns = rewards.gather(1, actions) + 0.5 * torch.randn(32, 1).double()
    return log_p.gather(1, actions).squeeze(-1), returns


def actor_loss(log_p, returns, values):
    advantage = (returns - values).detach()
    return -(log_p * advantage).mean()


def trained(shaped, steps=150, rate=0.05):
    """Gradient descent of both; every 10 steps the expected reward of the actor."""
    (actor, critic), curve = fresh_models(), []
    parameters = [*actor.parameters(), *critic.parameters()]
    for step in range(steps + 1):
        if step % 10 == 0:
            curve.append((actor(states).softmax(-1) * rewards).sum(-1).mean().item())
        log_p, returns = drawn(actor)
        values = critic(states)
        loss = actor_loss(log_p, *shaped(returns, values)) + (returns - values).square().mean()
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= rate * gradient
    return actor, critic, curve


def column_less_row(returns, values):
    return returns, values.squeeze(-1)


def row_less_column(returns, values):
    return returns.squeeze(-1), values


def row_less_row(returns, values):
    return returns.squeeze(-1), values.squeeze(-1)


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="方策勾配で、方策(actor)と価値関数(critic)を一緒に学習します。"
    "`log_p` は `(32,)`、リプレイバッファから来る `returns` は `(32, 1)`、`values` は `(32,)` です。",
    en="Policy gradients train an actor along with a critic. `log_p` is `(32,)`; `returns`, from a replay buffer, is "
    "`(32, 1)`, and `values` is `(32,)`.",
)
code(actor_loss)
*_, curve = trained(column_less_row)
best = rewards.max(-1).values.mean().item()
table(["", "at the start", "after 150 steps", "best possible"], [["expected reward", curve[0], curve[-1], best]])
holds(curve[-1] < curve[0] + 0.15 * (best - curve[0]), "the actor gains next to nothing")
say(
    ja="エラーも警告も出ません。それなのに、方策はほとんど良くなりません。",
    en="There is no error and no warning, and yet the policy hardly becomes better.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`advantage` の形は `(32, 32)` になります。`log_p[i]` には、何に比例した勾配が届くでしょうか。",
    en="The shape of `advantage` is `(32, 32)`. What is the gradient that reaches `log_p[i]` proportional to?",
    choices=[
        choice(ja="`returns[i] - values[i]`", en="`returns[i] - values[i]`"),
        choice(
            ja="`returns[i]` から、すべての `values` の平均を引いた値",
            en="`returns[i]` less the mean of all `values`",
        ),
        choice(
            ja="すべての `returns` の平均から、`values[i]` を引いた値",
            en="the mean of all `returns`, less `values[i]`",
            right=True,
        ),
        choice(ja="どの `i` でも同じ値", en="the same for every `i`"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
actor, critic, _ = trained(row_less_row)
log_p, returns = drawn(actor)
values = critic(states).detach()
formulas = {
    "returns[i] - values[i]": (returns - values)[:, 0],
    "returns[i] - mean of values": (returns - values.mean())[:, 0],
    "mean of returns - values[i]": (returns.mean() - values)[:, 0],
}
rows, right = [], []
for shaped in (column_less_row, row_less_column, row_less_row):
    one, other = shaped(returns, values)
    (found,) = torch.autograd.grad(actor_loss(log_p, one, other), log_p, retain_graph=True)
    named = [name for name, formula in formulas.items() if torch.allclose(found, -formula / 32)]
    rows.append([str(tuple(one.shape)), str(tuple(other.shape)), str(tuple((one - other).shape)), ", ".join(named)])
    right.append(named)
table(["returns", "values", "advantage", "gradient at log_p[i], times -32"], rows)
holds(right == [[name] for name in list(formulas)[::-1]], "each order of the shapes sums another axis away")
say(
    ja="`log_p` は、`(32, 32)` の一番後ろの軸に沿って並び、残りの軸にはコピーされます。逆伝播では、コピーされた"
    "軸に沿って勾配が足し合わされます。`returns` がその軸にあると、自分の行動のリターンは平均に埋もれます。",
    en="`log_p` lies along the last axis of the `(32, 32)` and is copied along the other one. In the backward pass the "
    "gradient is summed over the axis of the copies: where `returns` lies along that axis, an action's own return is "
    "lost in the mean.",
)
curves = {shaped.__name__: trained(shaped)[2] for shaped in (column_less_row, row_less_column, row_less_row)}
plot("reward", list(range(0, 151, 10)), curves, x_label="step", y_label="expected reward")


def single_gradients(shaped, draws=300):
    torch.manual_seed(2)
    found = []
    for _ in range(draws):
        one, returns = drawn(actor)
        loss = actor_loss(one, *shaped(returns, values))
        found.append(torch.autograd.grad(loss, actor.weight)[0])
    return torch.stack(found)


single = [single_gradients(shaped) for shaped in (row_less_column, row_less_row)]
noise = [one.var(0).sum().sqrt() for one in single]
apart = single[0] - single[1]  # from the same draws
apart = (apart.mean(0) / (apart.std(0) / len(apart) ** 0.5)).abs().max()  # in standard errors
holds(apart < 4, "on average the two gradients are the same")
table(["way", "noise"], [["row_less_column", noise[0]], ["row_less_row", noise[1]]])
gained = {name: curve[-1] - curve[0] for name, curve in curves.items()}
holds(min(gained["row_less_column"], gained["row_less_row"]) > 0.5 * (best - curve[0]), "the two others do learn")
holds(noise[0] > 1.5 * noise[1], "with the mean of all values the gradient is noisier")
say(
    ja="逆の組み合わせ(`row_less_column`)なら、それでも学習します。`values` が一つの平均になるだけで、"
    "ベースラインとして正しいからです。ただし、勾配のノイズは {ratio:.1f} 倍になります。"
    "「平均を取るから問題ない」は、半分だけ本当です。",
    en="The other way round (`row_less_column`) it learns all the same: the values become one mean, which is a "
    'baseline too, and the gradient has {ratio:.1f} times the noise. "It is averaged anyway" is half of the truth.',
    ratio=noise[0] / noise[1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="ブロードキャストは、値のコピーです。コピーした値は、どのコピーを通しても損失に効きます。"
    "だから、元の値の勾配は、すべてのコピーの勾配の和になります。",
    en="To broadcast is to copy a value, and it acts on the loss through each of its copies. So its gradient is the "
    "sum of the gradients of all copies.",
)


def gradient_by_hand(behind, shape):
    """From the gradient of the (8, 3) that something was spread to."""
    if shape == (3,):
        return behind.sum(0)
    if shape == (8, 1):
        return behind.sum(1, keepdim=True)
    return behind.sum()  # of shape ()


code(gradient_by_hand)
weights, inputs = torch.randn(8, 3).double(), torch.randn(8, 3).double()
rows = []  # of something that is spread over 8 samples, over 3 features, or over all
for shape in ((3,), (8, 1), ()):
    spread = torch.randn(shape).double().requires_grad_()
    copies = spread.expand(8, 3)
    loss = (weights * (inputs + copies).tanh()).sum()
    behind, found = torch.autograd.grad(loss, [copies, spread])
    same = torch.allclose(found, gradient_by_hand(behind, shape))
    rows.append([str(shape), copies.numel() // spread.numel(), behind.norm(), found.norm(), str(same)])
    if shape == (3,):
        alone = torch.autograd.grad((weights[5] * (inputs[5] + spread).tanh()).sum(), spread)[0]
        holds(torch.allclose(alone, behind[5]), "the gradient of a copy is that of its sample")
table(["shape", "copies", "gradient norm of all copies", "gradient norm", "is the sum"], rows)
holds(all(row[4] == "True" for row in rows), "a gradient is the sum over the copies")
say(
    ja="コピーの場所での勾配は、足し合わされる前のものです。`(3,)` のバイアスなら、`(8, 3)` の一行一行が、"
    "サンプル一つ一つの勾配です。",
    en="The gradient at the copies is what it was before it was summed: of a bias `(3,)` each row of the `(8, 3)` is "
    "the gradient of one sample.",
)
diagnosis = gc.diagnose(lambda: actor_loss(drawn(actor)[0], returns, values.squeeze(-1)), wrt=actor)
picture(diagnosis, "all-pairs")
found = [one for one in diagnosis.findings if one.severity == "warning"]
holds([one.code for one in found] == ["GF802"] and diagnosis.ok, "the debugger names suspicious_shape")
say(
    ja="デバッガは引き算の行を指して、`{code} {kind}` と診断します。二つの形が両方とも広げられたからです。",
    en="The debugger points to the subtraction, `{code} {kind}`: both of its shapes were spread.",
    code=found[0].code,
    kind=found[0].kind,
)
logits = torch.randn(6, 5).double().requires_grad_()
labels = torch.tensor([0, 3, 1, 4, 2, 0])
keep = torch.tensor([True, True, False, True, False, False])  # the others are padding


def padding_counts(logits):
    nats = F.cross_entropy(logits, labels, reduction="none")
    return (nats * keep[:, None]).sum() / keep.sum()  # (6,) times (6, 1)


def padding_is_left_out(logits):
    nats = F.cross_entropy(logits, labels, reduction="none")
    return (nats * keep).sum() / keep.sum()


targets = torch.rand(6, 5).double()


def factor_too_large(logits):
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (each * keep[:, None]).sum() / keep.sum()  # (6, 5) times (6, 1): five numbers for each place


def divided_by_what_was_summed(logits):
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    mask = keep[:, None].expand_as(each)
    return (each * mask).sum() / mask.sum()


code(padding_counts)
code(factor_too_large)
rows, at_logits = [], {}
for loss in (padding_counts, padding_is_left_out, factor_too_large, divided_by_what_was_summed):
    value = loss(logits)
    (one,) = torch.autograd.grad(value, logits)
    at_logits[loss.__name__] = one
    names = ", ".join(each.code for each in gc.diagnose(lambda loss=loss: loss(logits), wrt=logits).findings) or "none"
    rows.append([loss.__name__, value, one[keep].norm(), one[~keep].norm(), names])
table(["loss", "value", "gradient, kept", "gradient, padding", "finding"], rows)
sum_of_all = F.cross_entropy(logits, labels, reduction="sum")
holds(bool(torch.isclose(padding_counts(logits), sum_of_all)), "the mask cancels, and the sum of all is left")
holds([row[3] > 0 for row in rows] == [True, False, False, False], "padding gets a gradient in the first alone")
ratio = at_logits["factor_too_large"].norm() / at_logits["divided_by_what_was_summed"].norm()
holds(abs(ratio - 5) < 1e-9, "the gradient is as many times too large as there are numbers in a place")
holds(all(row[4] == "none" for row in rows), "the debugger is silent about masks")
say(
    ja="マスクでも同じことが起きます。`(6,)` に `(6, 1)` を掛けると、マスクは分子と分母で約分されて消え、"
    "パディングまで数えた和が残ります。`(6, 5)` に `(6, 1)` を掛けるのは正しい形ですが、割る数を広げ忘れると、"
    "損失も勾配も {ratio:.0f} 倍になります。",
    en="Masks do the same. `(6,)` times `(6, 1)`, and the mask cancels out of the sum: what is left counts the "
    "padding, too. `(6, 5)` times `(6, 1)` is as it should be; but where the number that it is divided by is not "
    "spread along, loss and gradient are {ratio:.0f} times too large.",
    ratio=ratio,
)
say(
    ja="積の形は、わざと広げることが多いので、デバッガはこの二つについて何も報告しません。"
    "パディングの場所での勾配がちょうど 0 かどうかを、テストに書きます。",
    en="Products are often spread on purpose, so the debugger says nothing about these two. What to put into a test is "
    "that the gradient at the padding is exactly 0.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def same_shapes(log_p, returns, values):
    assert log_p.shape == returns.shape == values.shape
    return -(log_p * (returns - values).detach()).mean()


code(same_shapes)
code(divided_by_what_was_summed)
healthy = gc.diagnose(lambda: same_shapes(drawn(actor)[0], *row_less_row(returns, values)), wrt=actor)
warned = [one.code for one in healthy.findings if one.severity != "note"]
checked = [gc.compare_gradients(lambda loss=loss: loss(logits), wrt=logits).verdict
           for loss in (padding_is_left_out, divided_by_what_was_summed)]  # fmt: skip
gain = curves["row_less_row"][-1]
table(
    ["proof", "value"],
    [
        ["finding", ", ".join(warned) or "none"],
        ["expected reward after 150 steps", f"{curve[-1]:.3f} -> {gain:.3f}"],
        ["gradient norm at the padding", float(at_logits["divided_by_what_was_summed"][~keep].norm())],
        ["compare_gradients", ", ".join(checked)],
    ],
)
holds(healthy.ok and not warned and checked == ["agrees", "agrees"], "nothing is found, and the values agree")
holds(gain > curve[-1] + 0.5 * (best - curve[0]), "the actor learns")
say(
    ja="三つを同じ形にそろえ、`assert` を置くと、方策は学習します。"
    "マスクは、値の形まで広げてから、足した個数で割ります。",
    en="With one shape for all three, and an `assert` that says so, the policy learns. A mask is spread to the shape "
    "of the values first, and what is divided by is the number of what was summed.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、形を確かめる方策の損失、どの形の値にも使えるマスク付き平均、パディングを見ない注意機構、"
    "そしてサンプルごとの勾配を直します。",
    en="In the exercise you fix a policy's loss that looks at shapes, a masked mean for values of any shape, an "
    "attention that does not look at padding, and the gradients of single samples.",
)
finish()
