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
    lesson="l12_your_own_code",
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
            "他のプレイヤーのパラメータも消す: そこを通る損失は勾配を残す",
        ),
    ),
    causes=(
        Cause(
            "never",
            Text(
                "No zero_grad() comes between two steps of {optimizer}: the gradient of step {first} is used again "
                "in step {second}.",
                "{optimizer} の 2 回の step の間に zero_grad() がありません。ステップ {first} の勾配がステップ "
                "{second} でも使われます。",
            ),
            (
                Text(
                    "optimizer.zero_grad() before backward() in the loop",
                    "ループの中、backward() の前に optimizer.zero_grad()",
                ),
                Text(
                    "zero_grad must be called: with parentheses",
                    "zero_grad は括弧を付けて呼び出す",
                ),
            ),
        ),
        Cause(
            "another_module",
            Text(
                "zero_grad() at {line} clears other tensors than those that {optimizer} steps.",
                "{line} の zero_grad() は、{optimizer} が step するテンソルとは別のものを消しています。",
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
                "The backward pass at {line} left gradients in {parameter}, which {optimizer} adds to its own and "
                "steps with.",
                "{line} の backward() が {parameter} に勾配を残し、{optimizer} が自分の勾配に足して step しています。",
            ),
            (
                Text(
                    "{optimizer}.zero_grad() right before the backward pass of its own loss",
                    "{optimizer} 自身の損失の backward() の直前に zero_grad() を呼ぶ",
                ),
                Text(
                    "or keep the other loss from reaching it: requires_grad_(False) in the other player's turn, "
                    "detach()",
                    "または他の損失が届かないようにする: 他のプレイヤーの番では requires_grad_(False) や detach()",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
