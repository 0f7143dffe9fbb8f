"""Lesson 15: gradients add up.

backward() adds to .grad, and a graph can be used once. After wenet-e2e/wekws#72, gaozhihan/PreDiff#32,
meta-pytorch/opacus#93.
Run it: python lessons/l15_gradients_add_up/lesson.py --lang ja
"""

import itertools

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table, told

begin(__file__)

inputs, targets = torch.randn(24, 5), torch.randn(24, 2)


def new_model():
    torch.manual_seed(0)
    model = nn.Linear(5, 2)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def loss_of(model):
    return (model(inputs) - targets).square().mean()


def step_that_forgets(model, optimizer):
    loss = loss_of(model)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_that_clears(model, optimizer):
    optimizer.zero_grad()
    loss = loss_of(model)
    loss.backward()
    optimizer.step()
    return loss.item()


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="学習のループから `zero_grad()` が抜けています。公開されている学習コードでも、何度も起きた間違いです。",
    en="`zero_grad()` is missing from a training loop. It has happened in published training code again and again.",
)
code(step_that_forgets)
histories = {}
for step in (step_that_clears, step_that_forgets):
    model, optimizer = new_model()
    histories[step.__name__] = [(step(model, optimizer), model.weight.grad.norm().item()) for _ in range(41)]
rows = [[place, histories["step_that_clears"][place][0], histories["step_that_forgets"][place][0]]
        for place in (0, 10, 20, 30, 40)]  # fmt: skip
table(["step", "with zero_grad", "without"], rows)
holds(rows[-1][1] < rows[0][1] and rows[-1][2] > 1.1 * rows[-1][1], "without zero_grad the loss stays above")
holds(any(b[2] > a[2] for a, b in itertools.pairwise(rows)), "it goes up again")
say(
    ja="どちらもエラーは出ません。`zero_grad()` がないと、損失は下がったり上がったりします。"
    "学習率が大きすぎるときと、見分けがつきません。",
    en="There is no error in either. Without `zero_grad()` the loss goes down and up again: it looks just like a "
    "learning rate that is too large.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="バッチを大きさの違う三つに分けて、それぞれの損失の平均について `backward()` を呼び、最後に一度だけ `step()` を"
    "呼びます。`.grad` に溜まるのは、次のどれでしょうか。",
    en="A batch is split into three parts of different sizes; `backward()` is called on the mean loss of each, and "
    "`step()` once at the end. What has gathered in `.grad`?",
    choices=[
        choice(ja="バッチ全体の平均の勾配", en="the gradient of the mean over the whole batch"),
        choice(ja="最後の部分の勾配", en="the gradient of the last part"),
        choice(ja="三つの平均の勾配の和。全体の平均の勾配とは、長さも向きも違う",
               en="the sum of three gradients of means: of another length, and another direction", right=True),
        choice(ja="三つの平均の勾配の平均", en="the mean of the three gradients of means"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
model, _ = new_model()
(whole,) = torch.autograd.grad(loss_of(model), model.weight)


def gathered(sizes, weights):
    """What gathers in .grad over micro-batches, each with its weight."""
    model.zero_grad()
    for part, target, weight in zip(inputs.split(sizes), targets.split(sizes), weights, strict=True):
        (weight * (model(part) - target).square().mean()).backward()
    return model.weight.grad.clone()


code(gathered)
rows = []
for sizes in ([8, 8, 8], [18, 4, 2]):
    ways = {"sum": [1.0] * 3, "mean of the means": [1 / 3] * 3, "weighted by size": [size / 24 for size in sizes]}
    for name, weights in ways.items():
        found = gathered(sizes, weights)
        cosine = torch.cosine_similarity(found.flatten(), whole.flatten(), dim=0).item()
        off = ((found - whole).norm() / whole.norm()).item()
        rows.append([", ".join(map(str, sizes)), name, f"{off:.2g}", f"{cosine:.4f}"])
table(["micro-batches", "way", "off the whole batch's gradient", "cosine"], rows)
holds(float(rows[-1][2]) < 1e-5 < 0.01 < float(rows[-2][2]), "weights by size alone are right for unequal parts")
say(
    ja="`backward()` は `.grad` に足し込みます。だから累積ができますが、平均を足すと和になります。"
    "大きさが違うときは、部分の大きさで重みをつけた場合だけが、バッチ全体の勾配と一致します。",
    en="`backward()` adds to `.grad`. That is what makes accumulation possible, and a sum of means is no mean. Where "
    "sizes differ, only weights in proportion to them give the gradient of the whole batch.",
)
picture({"loss": loss_of(model)}, "one-step", params=dict(model.named_parameters()))

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
rows = []
for name, history in histories.items():
    rows.append([name, ", ".join(f"{norm:.2f}" for _, norm in history[:6])])
table(["program", "norm used by the steps"], rows)
say(
    ja="`.grad` は `zero_grad()` まで残ります。消し忘れると、毎回それまでのすべての勾配の和で更新することになります。"
    "止まるべき所でも、過去の勾配が押し続けます。",
    en="`.grad` stays until `zero_grad()`. Where it is forgotten, each step is taken along the sum of all gradients so "
    "far: what was once right goes on pushing when it should have stopped.",
)


def step_that_clears_too_early(model, optimizer):
    loss = loss_of(model)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


for step in (step_that_forgets, step_that_clears_too_early):
    model, optimizer = new_model()
    report = gc.diagnose_step(lambda step=step, m=model, o=optimizer: step(m, o), model, optimizer)
    told(report)
    expected = "GF704" if step is step_that_forgets else "GF705"
    holds(expected in [one.code for one in report.findings], f"the debugger tells {expected}")
say(
    ja="`zero_grad()` は場所も大切です。`backward()` と `step()` の間で呼ぶと、使う前に消してしまいます。",
    en="The place of `zero_grad()` matters too: between `backward()` and `step()` it clears what was not used yet.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
torch.manual_seed(0)
cell = nn.RNNCell(5, 4)
series = torch.randn(12, 3, 5)


def state_carried(detach, chunks=3):
    """Train over chunks of a series, the state carried from one to the next."""
    state = torch.zeros(3, 4)
    for chunk in series.chunk(chunks):
        state = state.detach() if detach else state
        for row in chunk:
            state = cell(row, state)
        state.square().mean().backward()


def outcome(detach):
    try:
        state_carried(detach)
    except RuntimeError as error:
        return str(error).split(".")[0]
    return "no error"


code(state_carried)
show("detach=False", outcome(False))
show("detach=True", outcome(True))
holds("second time" in outcome(False) and outcome(True) == "no error", "the carried state must be detached")
say(
    ja="`backward()` は、計算グラフが保存していた値を解放します。状態を次の区間に持ち越すと、二度目の `backward()` は"
    "前の区間のグラフに入り、エラーになります。`retain_graph=True` でエラーは消えますが、"
    "グラフは区間ごとに伸び続けます。"
    "区間の始めで `state.detach()` とします。",
    en="`backward()` frees what the graph kept. With a state carried into the next chunk the second `backward()` leads "
    "into the graph of the chunk before, and raises. `retain_graph=True` silences the error and lets the graph "
    "grow with "
    "each chunk: write `state.detach()` where a chunk begins.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、大きさの違うマイクロバッチの累積、状態を持ち越す学習、"
    "そして、もう一人のプレイヤーの勾配を汚さないステップを直します。",
    en="In the exercise you fix accumulation over micro-batches of different sizes, training with a carried state, and "
    "a step that keeps the other player's gradients clean.",
)
finish()
