"""Lesson 18: shapes in losses.

The gradient is right, and the loss is another one than was meant. After deepset-ai/FARM#229, andrewgcodes/xlstm#4 and
pytorch/pytorch#18349.
Run it: python lessons/l18_shapes_in_losses/lesson.py --lang ja
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table

begin(__file__)

inputs = torch.randn(8, 3)
targets = inputs @ torch.tensor([1.0, -2.0, 0.5]) + 4.0  # (8,): a line would fit them exactly
start = nn.Linear(3, 1).state_dict()


def model_from_the_start():
    model = nn.Linear(3, 1)
    model.load_state_dict(start)
    return model


def loss_as_written(model):
    return (model(inputs) - targets).square().mean()


def loss_as_meant(model):
    return (model(inputs).squeeze(-1) - targets).square().mean()


def trained(loss_of, steps=300, rate=0.1):
    """Gradient descent; gives the model and the losses on the way."""
    model, losses = model_from_the_start(), []
    for _ in range(steps):
        loss = loss_of(model)
        losses.append(loss.item())
        for one, gradient in zip(model.parameters(), torch.autograd.grad(loss, model.parameters()), strict=True):
            one.data.sub_(rate * gradient)
    return model, losses


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="線形モデルで数を予測します。データは直線にぴったり乗っているので、損失は 0 まで下がるはずです。",
    en="A linear model predicts numbers. The data lie exactly on a line, so the loss should fall to 0.",
)
code(loss_as_written)
model, losses = trained(loss_as_written)
show("loss at the start", losses[0])
show("loss after 300 steps", losses[-1])
holds(losses[-1] < losses[0] and losses[-1] > 0.1, "the loss falls, and stops above 0")
say(
    ja="損失は {first:.2f} から {last:.2f} に下がり、そこで止まります。エラーは出ません。",
    en="The loss falls from {first:.2f} to {last:.2f}, and there it stays. There is no error.",
    first=losses[0],
    last=losses[-1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="学習が終わったあと、このモデルは八つの入力に何を予測するでしょうか。",
    en="After this training, what does the model predict for the eight inputs?",
    choices=[
        choice(ja="それぞれの正しい値", en="the right value for each"),
        choice(ja="どの入力にも、目標の平均", en="the mean of all targets, for each of them", right=True),
        choice(ja="どの入力にも 0", en="0 for each of them"),
        choice(ja="最初とほとんど同じ値", en="much the same as at the start"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
with torch.no_grad():
    found = model(inputs).squeeze(-1)
table(["target", "prediction"], [[a, b] for a, b in zip(targets, found, strict=True)])
mean = targets.mean().item()
show("mean of the targets", mean)
holds(bool(torch.allclose(found, targets.mean(), atol=0.05)), "every prediction is the mean of the targets")
say(
    ja="予測はどれも、目標の平均 {mean:.2f} です。モデルは入力を見なくなりました。",
    en="Every prediction is {mean:.2f}, the mean of the targets: the model no longer looks at its input.",
    mean=mean,
)
fresh = model_from_the_start()
show("model(inputs).shape", tuple(fresh(inputs).shape))
show("targets.shape", tuple(targets.shape))
show("(model(inputs) - targets).shape", tuple((fresh(inputs) - targets).shape))

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="`(8, 1)` から `(8,)` を引くと、`(8, 8)` にブロードキャストされます。どの予測も、すべての目標と比べられます。"
    "すべての目標に一番近い一つの数は、その平均です。",
    en="`(8, 1)` less `(8,)` is broadcast to `(8, 8)`: each prediction is compared with all targets, and the one "
    "number that is nearest to all of them is their mean.",
)
out = fresh(inputs).detach().requires_grad_()
(pulled,) = torch.autograd.grad((out - targets).square().mean(), out)
wanted = 2 / len(out) * (out.detach() - targets.mean())
show("largest difference", (pulled - wanted).abs().max())
holds(bool(torch.allclose(pulled, wanted, atol=1e-6)), "each prediction is pulled to the mean")
verdict = gc.compare_gradients(lambda: loss_as_written(fresh), wrt=fresh).verdict
show("compare_gradients", verdict)
holds(verdict == "agrees", "the gradient is right")
say(
    ja="一つ一つの予測への勾配は、目標の平均だけで書けます。有限差分とも合います(`{verdict}`)。勾配は正しく、"
    "損失のほうが、意図したものと違います。経路がある、0 でない、値が正しい。この三つは、損失が何かを問いません。",
    en="The gradient at each prediction can be written with the mean of the targets alone, and it agrees with finite "
    "differences (`{verdict}`). The gradient is right; it is the loss that is not the one that was meant. A path, not "
    "zero, the right value: these three do not ask what the loss is.",
    verdict=verdict,
)
diagnosis = gc.diagnose(lambda: loss_as_written(fresh), wrt=fresh)
picture(diagnosis, "all-pairs")
holds([one.code for one in diagnosis.findings] == ["GF802"], "the debugger names suspicious_shape")


def twice_normalised(logits):
    return F.cross_entropy(logits.softmax(-1), torch.tensor([0]))


def once_normalised(logits):
    return F.cross_entropy(logits, torch.tensor([0]))


code(twice_normalised)
rows = []
for size in (1.0, 5.0, 20.0):
    logits = torch.tensor([[-size, size, 0.0]], requires_grad=True)
    slopes = [torch.autograd.grad(one(logits), logits)[0].norm() for one in (once_normalised, twice_normalised)]
    rows.append([f"{-size:g}, {size:g}, 0", *slopes])
table(["logits", "softmax once", "softmax twice"], rows)
floor = -math.log(math.e / (math.e + 2))
best = twice_normalised(torch.tensor([[50.0, 0.0, 0.0]])).item()
holds(abs(best - floor) < 1e-4 and rows[-1][2] < 1e-6 < rows[-1][1], "it cannot fall below its floor, nor learn")
say(
    ja="同じ診断に、もう一つの形があります。`cross_entropy` は自分で softmax を計算するので、その前に softmax "
    "を置くと、二度かかります。大きな間違いほど勾配が消え、完全に正しくても損失は {floor:.3f} より下がりません。",
    en="The same finding has another form. `cross_entropy` computes a softmax itself, so with a softmax before it "
    "there are two. The larger the mistake, the more its gradient vanishes; and a perfect answer still costs "
    "{floor:.3f}.",
    floor=best,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
code(loss_as_meant)
model, fixed = trained(loss_as_meant)
with torch.no_grad():
    worst = (model(inputs).squeeze(-1) - targets).abs().max().item()
found = gc.diagnose(lambda: loss_as_meant(fresh), wrt=fresh)
agrees = gc.compare_gradients(lambda: loss_as_meant(fresh), wrt=fresh).verdict
names = ", ".join(one.code for one in found.findings) or "none"
table(
    ["loss", "after 300 steps", "finding"],
    [["loss_as_written", losses[-1], "GF802"], ["loss_as_meant", fixed[-1], names]],
)
holds(fixed[-1] < 1e-3 and found.ok and agrees == "agrees", "with one shape for both it learns")
say(
    ja="形をそろえると、損失は {last:.1g} になり、予測は最大でも {worst:.1g} しか外れません。"
    "損失の前で `assert prediction.shape == target.shape` と書けば、次に誰かが変えたときに気づきます。",
    en="With one shape for both the loss is {last:.1g}, and no prediction is off by more than {worst:.1g}. "
    "Write `assert prediction.shape == target.shape` before the loss, and you notice when somebody changes it.",
    last=fixed[-1],
    worst=worst,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、形を確かめる損失、無視するラベルのある損失、そして確率から計算する損失を直します。",
    en="In the exercise you fix losses that look at shapes, at labels to be ignored, and at what is a probability "
    "already.",
)
finish()
