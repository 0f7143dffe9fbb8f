"""Lesson 16: changed in place.

A value that backward() still needs is overwritten: an error far from its cause, or none at all. After
argusswift/YOLOv4-pytorch#247 and iMED-Lab/ER-Net#3.
Run it: python lessons/l16_changed_in_place/lesson.py --lang ja
"""

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table

begin(__file__)

model = nn.Linear(4, 4)
inputs = torch.randn(6, 4)


def residual_block():
    out = model(inputs).relu()
    out += inputs
    return out.square().mean()


def gated_block():
    out = model(inputs).sigmoid()
    out += inputs
    return out.square().mean()


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="残差ブロックの足し算を `+=` で書いた二つのプログラムです。公開されているネットワークの多くが、"
    "このように書かれていました。"
    "順伝播はどちらも正しく動きます。",
    en="Two programs whose residual addition is written with `+=`, as in many published networks. "
    "The forward pass of both is right.",
)
code(residual_block)
code(gated_block)
show("residual_block()", residual_block())
show("gated_block()", gated_block())


def outcome(function):
    try:
        function().backward()
    except RuntimeError as error:
        return str(error).split(": ")[0]
    return "no error"


show("residual_block().backward()", outcome(residual_block))

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="次の四つの演算のあとで、結果に `+=` で足します。`backward()` がエラーになるのはどれでしょうか。"
    "`sigmoid`、`relu`、`sin`、定数との掛け算。",
    en="After each of four operations the result is added to with `+=`. For which will `backward()` raise an error? "
    "`sigmoid`, `relu`, `sin`, a product with a constant.",
    choices=[
        choice(ja="四つとも", en="all four"),
        choice(ja="`sigmoid` と `relu` だけ", en="`sigmoid` and `relu` alone", right=True),
        choice(ja="`sigmoid` だけ", en="`sigmoid` alone"),
        choice(ja="どれもならない", en="none"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
operations = {
    "sigmoid": lambda x: x.sigmoid(),
    "relu": lambda x: x.relu(),
    "sin": lambda x: x.sin(),
    "3 * x": lambda x: 3 * x,
}
rows = []
for name, operation in operations.items():
    leaf = inputs.clone().requires_grad_()
    out = operation(leaf)
    before = out._version
    out += 1.0
    rows.append([name, before, out._version, outcome(out.sum)])
table(["operation", "version before", "version after", "backward()"], rows)
holds([row[3] == "no error" for row in rows] == [False, False, True, True], "sigmoid and relu alone raise")
holds(all(row[2] == row[1] + 1 for row in rows), "each writing counts the version up")
say(
    ja="テンソルには、書き換えの回数を数えるバージョンがあります(`_version`)。どの `+=` もバージョンを 1 増やしますが、"
    "エラーになるのは、演算がその結果を逆伝播のために保存しているときだけです。",
    en="A tensor counts how often it was written to, its version (`_version`). Every `+=` adds one to it; an "
    "error comes "
    "only where the operation keeps its result for the backward pass.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="`sigmoid` の微分は `y * (1 - y)` なので、出力 `y` を保存します。`relu` も出力の符号を使います。"
    "`sin` の微分は `cos(x)` なので、保存するのは入力です。`backward()` は、"
    "保存したときと今のバージョンが違えばエラーになります。",
    en="The derivative of `sigmoid` is `y * (1 - y)`, so the output `y` is kept; `relu` uses the output's sign. "
    "That of "
    "`sin` is `cos(x)`, so the input is kept. `backward()` refuses where the version kept and the version now differ.",
)
diagnosis = gc.diagnose(gated_block, wrt=model)
picture(diagnosis, "changed-in-place")
holds([one.code for one in diagnosis.findings] == ["GF106"], "the debugger names changed_in_place")
say(
    ja="PyTorch のエラーが指すのは `backward()` の行です。診断は、値を保存した行と、上書きした行の両方を示します。",
    en="The error of PyTorch points at the line with `backward()`. The diagnosis names both lines: where the value was "
    "kept, and where it was overwritten.",
)


def silently_wrong():
    leaf = inputs.clone().requires_grad_()
    out = leaf.sigmoid()
    out.data += 1.0  # .data has no version
    out.sum().backward()
    return leaf.grad


def right():
    leaf = inputs.clone().requires_grad_()
    (leaf.sigmoid() + 1.0).sum().backward()
    return leaf.grad


code(silently_wrong)
rows = [[one.__name__, one().norm(), one().max()] for one in (right, silently_wrong)]
table(["program", "gradient norm", "gradient"], rows)
holds(rows[1][2] <= 0 < rows[0][2], "the gradient through .data has the wrong sign")
say(
    ja="`.data` に書くとバージョンが増えないので、エラーは消え、勾配の符号まで変わりました。"
    "エラーを消すことと直すことは、別のことです。",
    en="Writing through `.data` does not count the version up: the error is gone, and the gradient has even "
    "changed its "
    "sign. To silence an error is not to fix it.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def out_of_place():
    out = model(inputs).sigmoid()
    out = out + inputs
    return out.square().mean()


def copy_first():
    out = model(inputs).sigmoid().clone()
    out += inputs
    return out.square().mean()


code(out_of_place)
rows = []
for fixed in (out_of_place, copy_first):
    (found,) = torch.autograd.grad(fixed(), model.weight)
    verdict = gc.compare_gradients(fixed, wrt=model).verdict
    same = torch.equal(fixed().detach(), gated_block().detach())
    rows.append([fixed.__name__, str(same), found.norm(), verdict])
table(["fix", "same value", "gradient norm", "compare_gradients"], rows)
holds(all(row[1] == "True" and row[2] > 0 and row[3] == "agrees" for row in rows), "both fixes hold the house rule")
say(
    ja="値は同じで、勾配は 0 でなく、有限差分とも合います。`+=` の代わりに `=` と `+` で書けば、"
    "どの演算が何を保存するかを覚えておく必要はありません。",
    en="The value is the same, the gradient is not zero, and it agrees with finite differences. Write `=` and `+` in "
    "place of `+=`, and there is no need to know which operation keeps what.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、書き換えを見張る関数と、引数を書き換えずに同じことをする関数を直します。",
    en="In the exercise you fix a function that watches for writing, and functions that do the same without writing "
    "into what they were given.",
)
finish()
