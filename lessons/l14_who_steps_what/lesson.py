"""Lesson 14: who steps what.

A gradient arrives, and the weight never moves: nobody steps it. After pytorch/pytorch#715, #59925 and #72580.
Run it: python lessons/l14_who_steps_what/lesson.py --lang ja
"""

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, table, told

begin(__file__)

inputs, targets = torch.randn(32, 6), torch.randn(32, 3)


class Reader(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.hidden = keep([nn.Linear(6, 16), nn.Linear(16, 16)])
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.head(x)


def loss_of(model):
    return (model(inputs) - targets).square().mean()


def training_step(model, optimizer):
    optimizer.zero_grad()
    loss = loss_of(model)
    loss.backward()
    optimizer.step()
    return loss.item()


def layers(model):
    """The layers by name, wherever the model keeps them."""
    return {"hidden[0]": model.hidden[0], "hidden[1]": model.hidden[1], "head": model.head}


def trained(keep, steps=20):
    """A model after some steps, its losses, and how far each layer's weight moved."""
    torch.manual_seed(0)
    model = Reader(keep)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    start = {name: layer.weight.detach().clone() for name, layer in layers(model).items()}
    losses = [training_step(model, optimizer) for _ in range(steps)]
    moved = {name: (layer.weight.detach() - start[name]).abs().max().item() for name, layer in layers(model).items()}
    return model, optimizer, losses, moved


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="ここまでは、勾配が届かない問題でした。ここからは、勾配が届いているのに、うまくいかない問題です。"
    "最初の例では、層の数を変えられるように、層を Python のリストに入れました。",
    en="So far the gradient did not arrive. From here on it arrives, and something is wrong all the same. "
    "In the first example layers are kept in a Python list, so that their number can be chosen.",
)
code(Reader)
code(training_step)
model, optimizer, losses, moved = trained(list)
holds(losses[-1] < losses[0], "the loss falls")
say(
    ja="損失は {first:.4f} から {last:.4f} に下がりました。エラーも警告もありません。",
    en="The loss falls from {first:.4f} to {last:.4f}; there is no error and no warning.",
    first=losses[0],
    last=losses[-1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="この学習で、リストの中の二つの層はどうなったでしょうか。",
    en="What has become of the two layers in the list?",
    choices=[
        choice(ja="学習された", en="they have learned"),
        choice(ja="勾配が届かず、重みは動かなかった", en="no gradient arrived, and they have not moved"),
        choice(ja="勾配は届いたが、重みは 1 ビットも動かなかった",
               en="a gradient arrived, and they have not moved by a single bit", right=True),
        choice(ja="学習率が小さいかのように、少しだけ動いた", en="they moved a little, as with a small rate"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
found = torch.autograd.grad(loss_of(model), [layer.weight for layer in layers(model).values()])
owned = {id(one) for group in optimizer.param_groups for one in group["params"]}
rows = []
for (name, layer), gradient in zip(layers(model).items(), found, strict=True):
    rows.append([name, gradient.norm(), str(id(layer.weight) in owned), moved[name]])
table(["layer", "gradient norm", "held by the optimizer", "moved by 20 steps"], rows)
holds(all(row[1] > 0 for row in rows) and [row[3] > 0 for row in rows] == [False, False, True], "the head alone moves")
say(
    ja="三つの層のすべてに勾配が届いています。しかし、動いたのは `head` だけです。損失が下がったのは、"
    "ランダムな特徴の上で `head` が学習したからです。",
    en="A gradient arrives at all three layers, and `head` alone has moved. The loss fell because the head learned to "
    "make something of random features.",
)
names = {f"{name}.{part}": one for name, layer in layers(model).items() for part, one in layer.named_parameters()}
picture({"loss": loss_of(model)}, "reaches-all", params=names)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="オプティマイザは、作られたときに渡されたテンソルのリストを持っているだけで、計算グラフもモジュールも見ません。"
    "`model.parameters()` が返すのは、登録された部品のパラメータです。登録されるのは、属性に代入した "
    "`nn.Module` と `nn.Parameter` だけで、普通のリストの中身は登録されません。",
    en="An optimizer is a list of tensors, those it was given when it was made; it knows neither graph nor modules. "
    "`model.parameters()` gives the parameters of registered parts, and what is registered is an `nn.Module` or an "
    "`nn.Parameter` assigned to an attribute: what lies in a plain list is not.",
)
report = gc.diagnose_step(lambda: training_step(model, optimizer), model, optimizer)
told(report)
holds([one.code for one in report.findings] == ["GF701"], "the debugger names not_held")
say(
    ja="`diagnose_step` は 1 ステップの全体を見て、`{name}` と名づけます。",
    en="`diagnose_step` watches whole steps, and calls this `{name}`.",
    name=report.findings[0].kind,
)


def head_replaced_afterwards():
    model = Reader(nn.ModuleList)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.head = nn.Linear(16, 3)  # the optimizer holds the old one
    return model, optimizer


def rate_of_zero():
    model = Reader(nn.ModuleList)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // 1000)
    return model, optimizer, scheduler  # meant: a slow start, with step / 1000


code(head_replaced_afterwards)
code(rate_of_zero)
rows = []
for program in (head_replaced_afterwards, rate_of_zero):
    model, optimizer, *_ = program()
    report = gc.diagnose_step(lambda m=model, o=optimizer: training_step(m, o), model, optimizer)
    rows.append([program.__name__, ", ".join(sorted({f"{one.code} {one.kind}" for one in report.findings}))])
table(["program", "finding"], rows)
holds("GF702" in rows[0][1] and "GF703" in rows[1][1], "stale and never stepped are told")
say(
    ja="ほかに二つの形があります。オプティマイザを作ったあとで層を取り替えると、オプティマイザは古い層を持ったままです。"
    "学習率が 0 のままだと、勾配が届いて `step()` が呼ばれても、何も動きません。",
    en="It comes in two more forms. Replace a layer after the optimizer was made, and the optimizer still holds "
    "the old "
    "one. And where the rate stays at 0 nothing moves, although a gradient arrives and `step()` is called.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
model, optimizer, fixed, moved = trained(nn.ModuleList)
report = gc.diagnose_step(lambda: training_step(model, optimizer), model, optimizer)
rows = [[name, moved[name]] for name in moved]
table(["layer", "moved by 20 steps"], rows)
holds(all(row[1] > 0 for row in rows) and report.ok and fixed[-1] < losses[-1], "all layers learn, and more is learned")
say(
    ja="`nn.ModuleList` に入れると、すべての層が動き、損失は同じステップ数で {plain:.4f} ではなく {fixed:.4f} "
    "になりました。"
    "診断も何も見つけません。オプティマイザは、モデルが完成してから作ります。",
    en="In an `nn.ModuleList` every layer moves, and after as many steps the loss is {fixed:.4f} instead of "
    "{plain:.4f}. "
    "The diagnosis finds nothing. Make the optimizer after the model is finished.",
    plain=losses[-1],
    fixed=fixed[-1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、勾配が届くのに誰も更新しないパラメータ、誰も使わないのに更新されるパラメータ、"
    "更新されるはずなのに動かないパラメータを見つける関数と、層を正しく取り替える関数を直します。",
    en="In the exercise you fix functions that find what gets a gradient and is stepped by nobody, what is stepped and "
    "used by nobody, what is stepped and does not move; and one that replaces a layer in the right way.",
)
finish()
