"""GF704 not_cleared: gradients of step n are still there in step n+1, or another player's are."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF704",
    name="not_cleared",
    since="0.2.0",
    lesson="l15_gradients_add_up",
    heading=Text(
        "gradients that are never cleared",
        "消されない勾配",
    ),
    about=about(
        Text(
            "A gradient that has been stepped with already is still there at the next step, and is stepped with again.",
            "すでに step に使われた勾配が次のステップにも残っており、もう一度使われます。",
        ),
        Text(
            "optimizer.zero_grad() once in each step, before backward()",
            "毎ステップ 1 回、backward() の前に optimizer.zero_grad()",
        ),
        Text(
            "with accumulation over micro-batches: zero_grad() after each step(), not never",
            "マイクロバッチの累積では、各 step() の後に zero_grad()",
        ),
        Text(
            "clear the parameters of the other player too: a loss that passes through it leaves gradients there",
            "損失が通る他のネットワークの勾配も消す: そこにも勾配が残る",
        ),
    ),
    causes=(
        Cause(
            "never",
            Text(
                "The gradient of this backward() came on top of one that {optimizer} had already used: "
                "nothing clears it between its step() and the next backward(), so every step is taken along "
                "the sum of all gradients so far.",
                "この backward() の勾配は、{optimizer} がすでに使った勾配に足されています。step() と次の"
                " backward() の間に何も消されないため、毎回それまでのすべての勾配の和で更新されます。",
            ),
            (
                Text(
                    "{optimizer}.zero_grad() once in every step: before backward(), or after step()",
                    "毎ステップ 1 回、backward() の前か step() の後に {optimizer}.zero_grad() を呼ぶ",
                ),
                Text(
                    "zero_grad must be called: with parentheses",
                    "zero_grad は括弧を付けて呼び出す",
                ),
            ),
        ),
        Cause(
            "another_instead",
            Text(
                "In every turn of {optimizer} this line clears the gradients of {other}, which its own turn clears as "
                "well; those of {optimizer} are cleared nowhere, and its backward() at {line} adds to all before.",
                "{optimizer} の番のたびに、この行は {other} の勾配を消しています。それは本来の番でも消されて"
                "います。{optimizer} の勾配はどこでも消されず、{line} の backward() がそれまでのすべてに足しています。",
            ),
            (
                Text(
                    "clear its own here: {optimizer}.zero_grad()",
                    "ここでは自分の勾配を消す: {optimizer}.zero_grad()",
                ),
            ),
        ),
        Cause(
            "stepped_again",
            Text(
                "{optimizer} steps here on the gradient that it has already used at {line}: no backward() lies between "
                "the two, so that every update is made twice.",
                "{optimizer} は、{line} の step() ですでに使った勾配で、ここでもう一度 step しています。"
                "間に backward() はなく、同じ更新が 2 回行われます。",
            ),
            (
                Text(
                    "one step() for one backward(): leave one of the two out",
                    "1 回の backward() には step() を 1 回。どちらかを消す",
                ),
                Text(
                    "with a GradScaler scaler.step(optimizer) is the step: no optimizer.step() beside it",
                    "GradScaler を使うなら scaler.step(optimizer) が step なので、optimizer.step() は書かない",
                ),
            ),
        ),
        Cause(
            "another_module",
            Text(
                "zero_grad() at {line} clears other tensors than those that {optimizer} steps.",
                "{line} の zero_grad() は、{optimizer} が step するものとは別のテンソルの勾配を消しています。",
            ),
            (
                Text(
                    "optimizer.zero_grad() of the optimizer that steps",
                    "step するオプティマイザの optimizer.zero_grad() を呼ぶ",
                ),
            ),
        ),
        Cause(
            "other_player",
            Text(
                "{optimizer} steps on the gradient of this backward() plus what backward() at {line} had "
                "left in {parameters}: that one was for {other}, which has stepped on it, and nothing "
                "cleared it here.",
                "{optimizer} は、この backward() の勾配に、{line} の backward() が {parameters} に残したもの"
                "を足して step しています。それは {other} のための勾配で、すでに step に使われましたが、ここ"
                "では消されていません。",
            ),
            (
                Text(
                    "{optimizer}.zero_grad() right before this backward()",
                    "この backward() の直前に {optimizer}.zero_grad() を呼ぶ",
                ),
                Text(
                    "keep the other loss from reaching them: .detach() what {optimizer} trains where it is an "
                    "input, or requires_grad_(False) while the other one learns",
                    "他方の損失が届かないようにする: {optimizer} が学習させるものが入力になるところで .detach() "
                    "するか、他方の学習中は requires_grad_(False) にする",
                ),
            ),
        ),
        Cause(
            "anothers_loss",
            Text(
                "{optimizer} steps on the gradient of backward() at {line} plus what this backward() adds to "
                "{parameters}. This loss looks like one for {other}: only {other} is cleared before it, and what it "
                "adds where {optimizer} waits to step stays there.",
                "{optimizer} は、{line} の backward() の勾配に、この backward() が {parameters} に足すものを加えて "
                "step します。この損失の前に勾配が消されるのは {other} だけなので {other} のための損失と思われますが、"
                "{optimizer} の step の前に足されたものは残ります。",
            ),
            (
                Text(
                    "step() of {optimizer} before this backward(), and its zero_grad() before its own next one",
                    "この backward() の前に {optimizer} の step() を呼び、次の自分の backward() の前に zero_grad() を"
                    "呼ぶ",
                ),
                Text(
                    "or keep this loss from leaving a gradient there: requires_grad_(False) meanwhile, or "
                    "backward(inputs=[...]) with the parameters of {other}",
                    "または、この損失の勾配がそこに残らないようにする: その間 requires_grad_(False) にするか、"
                    "backward(inputs=[...]) に {other} のパラメータを渡す",
                ),
                Text(
                    "where both losses are meant: clear both optimizers before the first backward()",
                    "両方の損失で学習させるつもりなら、最初の backward() の前に両方のオプティマイザの勾配を消す",
                ),
            ),
        ),
        Cause(
            "in_a_closure",
            Text(
                "{optimizer} calls this closure several times in one step(), and each backward() comes on "
                "top of the one before: the closure does not clear the gradients.",
                "{optimizer} は 1 回の step() でこのクロージャを何度も呼びますが、勾配が消されないため、"
                "backward() のたびに前の勾配に足されます。",
            ),
            (
                Text(
                    "begin the closure with {optimizer}.zero_grad()",
                    "クロージャの始めで {optimizer}.zero_grad() を呼ぶ",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
