"""Lesson 17: NaN and infinity.

The loss is finite, its gradient is not, and after one step the weights are NaN. After pytorch/pytorch#2421 and #68425,
akanazawa/cmr#11 and huggingface/sentence-transformers#4033.
Run it: python lessons/l17_not_a_number/lesson.py --lang ja
"""

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table

begin(__file__)

encoder = nn.Linear(4, 3)
lines = torch.randn(6, 4)
others = lines.clone()
others[1:] += torch.randn(5, 4)  # the first pair is twice the same line


def distance():
    difference = encoder(lines) - encoder(others)
    return difference.square().sum(-1).sqrt().mean()


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="二つの行の表現の距離を損失にしました。六組のうち、一組だけは同じ行どうしです。",
    en="The loss is a distance between the representations of two lines. Of six pairs, one is twice the same line.",
)
code(distance)
loss = distance()
gradient = torch.autograd.grad(loss, encoder.weight)[0]
show("loss", loss)
show("entries of the gradient that are NaN", f"{int(gradient.isnan().sum())} of {gradient.numel()}")
holds(bool(loss.isfinite()) and bool(gradient.isnan().all()), "a finite loss with a gradient of NaN alone")
say(
    ja="損失は有限なのに、勾配はすべて NaN です。このまま一度更新すると、すべての重みが NaN になります。",
    en="The loss is finite, and every entry of its gradient is NaN: after one step so is every weight.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`torch.where(d > 0, d.sqrt(), 0)` のように、距離が 0 の組だけを `where` で除きます。勾配はどうなるでしょうか。",
    en="Pairs at a distance of 0 are left out with `torch.where(d > 0, d.sqrt(), 0)`. What becomes of the gradient?",
    choices=[
        choice(ja="有限になる", en="it becomes finite"),
        choice(ja="NaN のまま変わらない", en="it stays NaN", right=True),
        choice(ja="ちょうど 0 になる", en="it becomes exactly 0"),
        choice(ja="エラーになる", en="an error is raised"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def masked_after():
    squared = (encoder(lines) - encoder(others)).square().sum(-1)
    return torch.where(squared > 0, squared.sqrt(), 0.0).mean()


def masked_before():
    squared = (encoder(lines) - encoder(others)).square().sum(-1)
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0).mean()


code(masked_after)
code(masked_before)
rows = []
for function in (distance, masked_after, masked_before):
    found = torch.autograd.grad(function(), encoder.weight)[0]
    rows.append([function.__name__, function(), found.norm(), gc.compare_gradients(function, wrt=encoder).verdict])
table(["loss", "value", "gradient norm", "compare_gradients"], rows)
holds(
    bool(rows[1][2].isnan()) and bool(rows[2][2].isfinite()), "a mask behind the root does not help, one before it does"
)
say(
    ja="三つの損失の値は同じです。`where` を平方根の後に置いても、勾配は NaN のままです。"
    "平方根の前で値を置き換えると、有限になります。",
    en="All three have the same value. With `where` behind the root the gradient is still NaN; with the values "
    "replaced "
    "before the root it is finite.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
zero = torch.zeros((), dtype=torch.float64)
formulas = {
    "x.sqrt()": lambda x: x.sqrt(),
    "(x * x).sqrt()": lambda x: (x * x).sqrt(),
    "x.norm()": lambda x: x[None].norm(),
    "x.abs()": lambda x: x.abs(),
    "x ** 0.5": lambda x: x**0.5,
    "x * x.log()": lambda x: x * x.log(),
    "where(x > 0, x.log(), 0)": lambda x: torch.where(x > 0, x.log(), 0.0),
    "log_softmax": lambda x: torch.stack([x, x - 900.0]).log_softmax(0)[1],
    "softmax().log()": lambda x: torch.stack([x, x - 900.0]).softmax(0).log()[1],
}
rows = []
for name, formula in formulas.items():
    leaf = zero.clone().requires_grad_()
    value = formula(leaf)
    rows.append([name, value, torch.autograd.grad(value, leaf)[0]])
table(["formula at 0", "forward", "gradient at 0"], rows)
at_zero = {row[0]: row[2] for row in rows}
holds(bool(at_zero["x.sqrt()"].isinf()) and bool(at_zero["(x * x).sqrt()"].isnan()), "0 times infinity is NaN")
holds(at_zero["x.norm()"] == 0 and at_zero["x.abs()"] == 0, "norm and abs choose 0")
say(
    ja="平方根の微分は、0 で無限大です。連鎖律はそれに 0 を掛け、0 と無限大の積は NaN になります。"
    "`where` は、選ばれない側の勾配を「なし」ではなく「0」にします。だから、その側でも 0 と無限大の積が計算されます。"
    "`norm` や `abs` は、0 での勾配として 0 を選びます。",
    en="The derivative of a root at 0 is infinite. The chain rule multiplies it by 0, and 0 times infinity is NaN. "
    "For the side not taken `where` sends back a gradient of 0, which is not the same as none: 0 times infinity is "
    "computed there as well. `norm` and `abs` choose 0 as their gradient at 0.",
)
diagnosis = gc.diagnose(masked_after, wrt=encoder)
picture(diagnosis, "not-finite")
holds([one.code for one in diagnosis.errors] == ["GF601"], "the debugger names non_finite")
say(
    ja="診断は、逆伝播で最初に有限でなくなった行を `{name}` として示します。",
    en="The diagnosis names the line at which the backward pass first stops being finite: `{name}`.",
    name=diagnosis.errors[0].kind,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def by_norm():
    return (encoder(lines) - encoder(others)).norm(dim=-1).mean()


def with_epsilon():
    squared = (encoder(lines) - encoder(others)).square().sum(-1)
    return (squared + 1e-12).sqrt().mean()


rows = []
truth = torch.autograd.grad(masked_before(), encoder.weight)[0]
for function in (masked_before, by_norm, with_epsilon):
    found = torch.autograd.grad(function(), encoder.weight)[0]
    verdict = gc.compare_gradients(function, wrt=encoder).verdict
    rows.append([function.__name__, function(), found.norm(), f"{(found - truth).norm() / truth.norm():.1g}", verdict])
table(["fix", "value", "gradient norm", "off the first", "compare_gradients"], rows)
holds(
    all(bool(row[2].isfinite()) and row[2] > 0 and float(row[3]) < 1e-4 for row in rows), "all three give one gradient"
)
say(
    ja="どの直し方でも、同じ有限の勾配になります。`nan_to_num` で NaN を 0 に置き換えるのは、直し方ではありません。"
    "NaN が消えるのは確かですが、同じパラメータに届いていた正しい勾配も、一緒に消えます。",
    en="All three fixes give the same finite gradient. To put 0 for NaN with `nan_to_num` is no fix: the NaN is "
    "gone, and "
    "with it all the right gradient that arrived at the same parameter.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、0 でも勾配が有限な距離、選ばれない側に NaN を作らないマスク、"
    "そして勾配が初めて有限でなくなる段を見つける関数を直します。",
    en="In the exercise you fix a distance whose gradient is finite at 0, a mask that makes no NaN on the side not "
    "taken, and the search for the stage at which a gradient first stops being finite.",
)
finish()
