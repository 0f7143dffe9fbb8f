"""Lesson 4: debugging requires_grad: five illnesses.

Fourteen small losses. Eleven of them are ill, in five ways; three look suspicious and are healthy.
Run it: python lessons/l04_three_illnesses/lesson.py --lang ja
"""

import math

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table

begin(__file__)

weight = torch.randn(3, 4, requires_grad=True)
inputs = torch.randn(5, 3)
embedding = nn.Embedding(4, 2).requires_grad_(False)
judge = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)).requires_grad_(False).eval()


def item():
    return torch.tensor(math.exp((inputs @ weight).mean().item()))


def data():
    return (inputs @ weight.data).square().mean()


def numpy():
    return torch.from_numpy((inputs @ weight).detach().numpy()).mean()


def no_grad():
    with torch.no_grad():
        return (inputs @ weight).square().mean()


def index():
    return (inputs @ weight).argmax(-1).float().mean()


def early_return():
    return torch.tensor(0.0)


def tensor_of_losses():
    losses = [row.square().mean().item() for row in inputs @ weight]
    return torch.tensor(losses, requires_grad=True).mean()


def requires_grad_on_the_loss():
    return (inputs @ weight).detach().square().mean().requires_grad_(True)


def forgotten_detach():
    soft = inputs @ weight
    return (soft.round() + soft - soft).square().mean()


def root_under_where():
    return torch.where(weight > 0, (weight - weight.detach()).abs().sqrt(), weight).sum()


def half_detached():
    out = inputs @ weight
    return (out * out.detach()).mean()


def evaluation_mode():
    return judge(inputs @ weight).square().mean()


def frozen_judge():
    return judge[0](inputs @ weight).relu().mean()


def frozen_embedding():
    return ((inputs @ weight).softmax(-1) @ embedding.weight).square().mean()


SNIPPETS = [
    item, data, numpy, no_grad, index, early_return, tensor_of_losses, requires_grad_on_the_loss, forgotten_detach,
    root_under_where, half_detached, evaluation_mode, frozen_judge, frozen_embedding,
]  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="{count} 個の小さな損失があります。どれもエラーなく値を返します。"
    "`requires_grad` が `True` なのは、そのうち {true} 個です。",
    en="Here are {count} small losses; each returns a value without an error. "
    "Of {true} of them `requires_grad` is `True`.",
    count=len(SNIPPETS),
    true=sum(snippet().requires_grad for snippet in SNIPPETS),
)
for snippet in (item, tensor_of_losses, forgotten_detach):
    code(snippet)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="上の三つの損失は、同じ病気でしょうか。それぞれ `backward()` を呼ぶと、何が起こるでしょうか。",
    en="Do these three losses have the same illness? What happens to each when `backward()` is called?",
    choices=[
        choice(ja="三つともエラーになる", en="all three raise an error"),
        choice(ja="`item` はエラー、ほかの二つは `grad` が `None` のまま",
               en="`item` raises; with the other two `grad` stays `None`"),
        choice(ja="エラー、`grad` は `None`、勾配はちょうど 0、と三つとも違う",
               en="an error, `None`, and a gradient of exactly 0: three outcomes", right=True),
        choice(ja="どれもエラーにならず、勾配は 0 になる", en="no error at all, and a gradient of 0 each"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def outcome(snippet):
    weight.grad = None
    try:
        snippet().backward()
    except RuntimeError as error:
        return type(error).__name__
    if weight.grad is None:
        return "no error, grad is None"
    return f"gradient norm {weight.grad.norm().item():.3g}"


rows = []
for snippet in SNIPPETS:
    verdict = gc.compare_gradients(snippet, wrt={"weight": weight}).verdict
    rows.append([snippet.__name__, str(snippet().requires_grad), outcome(snippet), verdict])
table(["loss", "requires_grad", "after backward()", "compare_gradients"], rows)
outcomes = {row[0]: row[2] for row in rows}
holds("nan" in outcomes["root_under_where"], "the gradient under where is NaN")
holds({row[0]: row[3] for row in rows}["half_detached"] == "wrong", "half of the gradient is called wrong")
holds(len({outcomes[one.__name__] for one in (item, tensor_of_losses, forgotten_detach)}) == 3, "three outcomes")
say(
    ja="エラー、`None`、ちょうど 0、NaN、そして 0 でない勾配があります。`requires_grad` だけでは、"
    "あとの四つを区別できません。"
    "0 でない勾配も、正しいとは限りません。最後の列は有限差分との比較です。",
    en="There are an error, `None`, exactly 0, NaN, and gradients that are not zero; `requires_grad` alone cannot tell "
    "the last four apart. Nor need a gradient that is not zero be right: the last column compares it with finite "
    "differences.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="病気は五つです。一つ目は「切断」です。計算グラフがなく、`backward()` はエラーになります。"
    "うるさいので、すぐに気づきます。",
    en="There are five illnesses. The first is the cut: there is no graph, and `backward()` raises an error. "
    "It is loud, so it is soon found.",
)
say(
    ja="二つ目は「偽の葉テンソル」です。切断された値から新しい葉テンソルを作ると、`requires_grad` は `True` になり、"
    "エラーも消えます。しかし経路は新しい葉テンソルで終わり、重みの勾配は `None` のままです。",
    en="The second is the false leaf: a new leaf tensor made from a value that was cut. "
    "`requires_grad` is `True` and the error is gone, "
    "but the path ends at the new leaf, and the gradient of the weight stays `None`.",
)
kinds = {row[0]: row[2:] for row in rows}
holds(kinds["item"][0] == "RuntimeError" and kinds["tensor_of_losses"][0] == "no error, grad is None", "loud, and None")
holds(kinds["forgotten_detach"][0] == "gradient norm 0", "exactly zero")
picture({"requires_grad_on_the_loss": requires_grad_on_the_loss()}, "false-leaf", params={"weight": weight})
say(
    ja="三つ目は「ちょうど 0」です。重みまで経路があるのに、流れてくる勾配はどこも 0 です。エラーも出ず、"
    "値も正しいので、気づきにくい病気です。",
    en="The third is exactly zero: there is a path to the weight, "
    "and the gradient that comes along it is 0 everywhere. There is no error and the value is right, so it is hard to "
    "notice.",
)
picture({"forgotten_detach": forgotten_detach()}, "exactly-zero", params={"weight": weight})
code(root_under_where)
say(
    ja="四つ目は「NaN か無限大」です。`where` が選ばない側の勾配も計算されるので、一度の更新で重みが壊れます。",
    en="The fourth is NaN or infinity: the gradient of the side that `where` does not choose is computed as well, and "
    "one update spoils the weights.",
)
code(half_detached)
say(
    ja="五つ目は「値の誤り」です。届くけれど、損失の勾配ではありません。ここでは二つの因子のうち片方が切り離されていて、"
    "正しい勾配の半分しか届きません。わざと別の勾配を使うとき(STE など)は、何の勾配かを書いておきます。",
    en="The fifth is the wrong value: a gradient that arrives, and is not that of the loss. Here one of two factors is "
    "detached, so half of the right gradient arrives. Where another gradient is meant (straight-through), write down "
    "whose it is.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
diagnosis = gc.diagnose(forgotten_detach, wrt={"weight": weight})
picture(diagnosis, "diagnosis")


def straight_through():
    soft = inputs @ weight
    return (soft.round() + soft - soft.detach()).square().mean()


def stacked_losses():
    return torch.stack([row.square().mean() for row in inputs @ weight]).mean()


def exponential():
    return torch.exp((inputs @ weight).mean())


rows = []
for before, after in ((item, exponential), (tensor_of_losses, stacked_losses), (forgotten_detach, straight_through)):
    found = torch.autograd.grad(after(), weight)[0]
    verdict = gc.compare_gradients(after, wrt={"weight": weight}).verdict
    same = torch.isclose(before(), after()).item()
    rows.append([f"{before.__name__} -> {after.__name__}", str(same), found.norm(), verdict])
for after in (exponential, stacked_losses, straight_through):
    code(after)
table(["fix", "same value", "gradient norm", "compare_gradients"], rows)
holds(all(row[1] == "True" and row[2] > 0 for row in rows), "the values stay, and a gradient arrives")
holds([row[3] for row in rows][:2] == ["agrees"] * 2 and rows[2][3] != "agrees", "the last one borrows its gradient")
say(
    ja="三つとも、値は元のままで、勾配が届くようになりました。"
    "最後の直し方が有限差分と合わないのは、わざと別の関数の勾配を借りているからです(あとの課で扱います)。",
    en="All three keep their value, and a gradient arrives. "
    "That the last fix does not agree with finite differences is meant: "
    "it borrows the gradient of another function, as a later lesson explains.",
)
healthy = [snippet.__name__ for snippet in (evaluation_mode, frozen_judge, frozen_embedding)]
show("healthy", ", ".join(healthy))
say(
    ja="怪しく見えても健康な損失もあります。`eval()` も、凍結されたパラメータも、勾配を通します。"
    "何にでも「病気」と答える診断は、役に立ちません。",
    en="Some losses look suspicious and are healthy: neither `eval()` nor frozen parameters stop a gradient. "
    "A diagnosis that calls everything ill is of no use.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、病名を言い当てる関数を直し、それを使って、六つの損失のうち病気のものを直します。",
    en="In the exercise you fix a function that names the illness, and with its help those of six losses that are ill.",
)
finish()
