"""Lesson 19: train and eval.

A validation switches the model to eval(), nobody switches it back, and the training goes on as another one. After
fartashf/vsepp#4, wkentaro/pytorch-fcn#57 and ThilinaRajapakse/simpletransformers#941.
Run it: python lessons/l19_train_and_eval/lesson.py --lang ja
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table, told

begin(__file__)

inputs, targets = torch.randn(40, 12) * 2 + 3, torch.randn(40, 1)
held_out = torch.randn(20, 12) * 2 - 3  # other data, with another mean
start = nn.Sequential(nn.BatchNorm1d(12), nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1))


def loss_of(model, batch):
    return (model(inputs[batch]) - targets[batch]).square().mean()


def training_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss_of(model, batch).backward()
    optimizer.step()


def validate(model):
    model.eval()
    with torch.no_grad():
        return model(held_out).square().mean().item()


def fresh():
    model = copy.deepcopy(start)
    return model, torch.optim.SGD(model.parameters(), lr=0.01)


def epochs(model, optimizer, count, first_line):
    """That many epochs, each of four batches and a validation; gives the mode of every step."""
    modes = []
    for _ in range(count):
        first_line(model)
        for place in range(0, 40, 10):
            modes.append("train" if model.training else "eval")
            training_step(model, optimizer, slice(place, place + 10))
        validate(model)
    return modes


def nothing(model):
    """What the script does at the beginning of an epoch: nothing."""


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="学習と検証を交互に繰り返すスクリプトです。検証の関数は `model.eval()` を呼びます。エラーも警告も出ません。",
    en="This script trains and validates by turns; the function that validates calls `model.eval()`. There is no error "
    "and no warning.",
)
code(training_step)
code(validate)
model, optimizer = fresh()
modes = epochs(model, optimizer, 3, nothing)
show("modes of the training steps", " ".join(modes))
holds(modes[:4] == ["train"] * 4 and set(modes[4:]) == {"eval"}, "the mode changes after the first validation")
say(
    ja="{count} ステップのうち、学習モードだったのは最初の {train} ステップだけです。",
    en="Of {count} training steps only the first {train} were in training mode.",
    count=len(modes),
    train=modes.count("train"),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`eval()` のままの学習ステップで、最後の層の重みはどうなるでしょうか。",
    en="In a training step that is still in `eval()`, what happens to the weights of the last layer?",
    choices=[
        choice(ja="勾配が届かず、動かない", en="no gradient arrives, and they do not move"),
        choice(ja="勾配はちょうど 0 になる", en="their gradient is exactly 0"),
        choice(ja="動くが、学習モードのときとは違う勾配になる",
               en="they move, by another gradient than in training mode", right=True),
        choice(ja="`backward()` がエラーになる", en="`backward()` raises an error"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
rows = []
for mode in ("train", "eval"):
    model = copy.deepcopy(start).train(mode == "train")
    before, last = model[0].running_mean.clone(), model[4].weight
    (found,) = torch.autograd.grad(loss_of(model, slice(0, 10)), last)
    moved = (model[0].running_mean - before).norm().item()
    again = loss_of(model, slice(0, 10)).item() == loss_of(model, slice(0, 10)).item()
    rows.append([mode, found.norm().item(), moved, str(again)])
table(["mode", "gradient norm", "running mean moved by", "same loss twice"], rows)
holds(all(row[1] > 0 for row in rows) and rows[0][1] != rows[1][1], "a gradient arrives in both modes, another one")
holds(rows[0][2] > 0 == rows[1][2] and [row[3] for row in rows] == ["False", "True"], "eval: no statistics, no chance")
say(
    ja="どちらのモードでも勾配は届きます。違うのは、計算される関数です。`eval()` では Dropout が何も落とさず、"
    "BatchNorm は学習した統計で正規化し、その統計はもう動きません。",
    en="In both modes a gradient arrives; what differs is the function. In `eval()` Dropout drops nothing, BatchNorm "
    "normalises with the statistics that it has, and these no longer move.",
)
still = copy.deepcopy(start).eval()
picture({"loss in eval()": loss_of(still, slice(0, 10))}, "in-eval", params=dict(still.named_parameters()))

# ---------------------------------------------------------------------------------------------------------------------
beat("why")


def back_to_train(model):
    model.train()


rows = []
for first_line in (nothing, back_to_train):
    torch.manual_seed(0)
    model, optimizer = fresh()
    epochs(model, optimizer, 12, first_line)
    off = (model[0].running_mean - inputs.mean(0)).norm().item()
    rows.append([first_line.__name__, off])
table(["first line of an epoch", "running mean off by"], rows)
holds(rows[0][1] > 5 * rows[1][1], "the statistics stay where the first epoch left them")
say(
    ja="`nothing` では、移動平均は最初の四ステップの後で止まり、データの平均から {left:.1f} 離れたままです。"
    "`back_to_train` では {right:.1f} になります。学習は、自分のデータと合わない正規化の上で進みます。",
    en="With `nothing` the running mean stops after the first four steps, at a distance of {left:.1f} from that of the "
    "data; with `back_to_train` it is {right:.1f}. The training goes on behind a normalisation that does not fit it.",
    left=rows[0][1],
    right=rows[1][1],
)
model, optimizer = fresh()


def one_epoch():
    training_step(model, optimizer, slice(0, 10))
    validate(model)


report = gc.diagnose_step(one_epoch, model, optimizer)
told(report)
holds("GF713" in {one.code for one in report.findings}, "the debugger names mode_flips")


class Forgetful(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 1)

    def forward(self, x):
        return self.layer(F.dropout(x, 0.5))  # functional: it does not know the mode


code(Forgetful)
forgetful = Forgetful().eval()
one, other = (forgetful(held_out).detach() for _ in range(2))
far = (one - other).abs().max().item()
careless = copy.deepcopy(start).train()
before = careless[0].running_mean.clone()
with torch.no_grad():
    careless(held_out)  # a validation without eval()
leaked = (careless[0].running_mean - before).norm().item()
show("F.dropout in eval(): difference between two calls", far)
show("no_grad without eval(): running mean moved by", leaked)
holds(far > 0 and leaked > 0, "functional dropout drops in eval, and no_grad alone learns statistics")
say(
    ja="逆の形もあります。`F.dropout` はモジュールのモードを知らないので、評価でも値を落とします。"
    "`no_grad` だけで検証すると、BatchNorm は検証データの統計を学んでしまいます。`no_grad` と `eval()` は、"
    "別のことをします。",
    en="It also comes the other way round. `F.dropout` does not know the module's mode, and drops values in an "
    "evaluation too. And under `no_grad` alone BatchNorm learns the statistics of the held-out data: `no_grad` and "
    "`eval()` do different things.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def validate_and_return(model):
    """Whatever mode each part was in, it is in again afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return model(held_out).square().mean().item()
    finally:
        for part, training in modes:
            part.training = training


code(validate_and_return)
model, optimizer = fresh()
model[0].eval()  # BatchNorm frozen on purpose
kept = model[0].running_mean.clone()
value = validate_and_return(model)
modes = [part.training for part in model]
training_step(model, optimizer, slice(0, 10))
(found,) = torch.autograd.grad(loss_of(model, slice(0, 10)), model[4].weight)


def with_the_same_noise():
    torch.manual_seed(3)
    return loss_of(model, slice(0, 10))


verdict = gc.compare_gradients(with_the_same_noise, wrt=model).verdict
show("modes after the validation", modes)
show("gradient norm", found.norm())
show("compare_gradients", verdict)
holds(bool(found.norm() > 0) and verdict == "agrees", "a gradient other than zero, of the right value")
holds(modes == [False, True, True, True, True] and bool(torch.equal(kept, model[0].running_mean)), "each as before")
model, optimizer = fresh()


def one_right_epoch():
    training_step(model, optimizer, slice(0, 10))
    validate_and_return(model)


report = gc.diagnose_step(one_right_epoch, model, optimizer)
show("findings", ", ".join(one.code for one in report.findings) or "none")
holds(report.ok and not report.findings, "nothing is found after the fix")
say(
    ja="検証のあと、どの部品も元のモードに戻ります。わざと `eval()` にした BatchNorm もそのままです。"
    "`model.train()` と書くだけだと、凍結した部品まで学習モードに戻ってしまいます。",
    en="After the validation each part is in the mode that it was in, a BatchNorm put into `eval()` on purpose "
    "included. `model.train()` alone would wake that one too.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、モードを元に戻す評価、凍結した部品を起こさない学習ステップ、評価でも揺れるモデルを見つける関数、"
    "そしてモードを知る Dropout を直します。",
    en="In the exercise you fix an evaluation that puts the modes back, a training step that wakes nothing frozen, a "
    "function that finds models whose evaluation wavers, and a dropout that knows the mode.",
)
finish()
