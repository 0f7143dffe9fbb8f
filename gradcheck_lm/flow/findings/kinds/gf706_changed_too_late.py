"""GF706 changed_too_late: clipping or scaling after the step, of an empty or used-up iterator, or before unscale_."""

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
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
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
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()
"""

KIND = Kind(
    code="GF706",
    name="changed_too_late",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "gradients changed where it has no effect",
        "効果のないところで変更された勾配",
    ),
    about=about(
        Text(
            "Gradients are clipped or scaled here in a place where the step no longer sees it, or sees another thing.",
            "ここで勾配を制限または拡大縮小していますが、step はもうそれを見ないか、別のものを見ます。",
        ),
        Text(
            "the order: backward(), scaler.unscale_(optimizer), clip_grad_norm_(model.parameters(), ...), step()",
            "順序: backward()、scaler.unscale_(optimizer)、clip_grad_norm_(model.parameters(), ...)、step()",
        ),
        Text(
            "give clipping the parameters themselves: a generator can be used once",
            "パラメータそのものを渡す: ジェネレータは一度しか使えない",
        ),
    ),
    causes=(
        Cause(
            "clip_after_step",
            Text(
                "{function} runs after the step of {optimizer} at {line}: the gradients it changes are used by no "
                "step.",
                "{function} は {line} の {optimizer} の step の後に実行されています。変更された勾配はどの step "
                "にも使われません。",
            ),
            (
                Text(
                    "move it between backward() and step()",
                    "backward() と step() の間に移す",
                ),
                Text(
                    "if only the norm is wanted, it is best read there too",
                    "ノルムを知りたいだけでも、そこで読むのがよい",
                ),
            ),
        ),
        Cause(
            "clip_of_nothing",
            Text(
                "{function} was given no parameter: the iterator was empty or used up, and nothing is clipped.",
                "{function} に渡されたパラメータがありません(空か使い終わったイテレータ)。何も制限されていません。",
            ),
            (
                Text(
                    "call model.parameters() anew each time, or keep list(model.parameters())",
                    "毎回 model.parameters() を呼び直すか、list(model.parameters()) を保持する",
                ),
                Text(
                    "check the condition of a filter over the parameters",
                    "パラメータに対するフィルタの条件を確かめる",
                ),
            ),
        ),
        Cause(
            "before_backward",
            Text(
                "{function} runs before backward(): it changes the gradients of the step before, and this step's are "
                "not clipped.",
                "{function} は backward() の前に実行されています。変更されるのは前のステップの勾配で、"
                "今回の勾配は制限されません。",
            ),
            (
                Text(
                    "move it behind backward()",
                    "backward() の後に移す",
                ),
            ),
        ),
        Cause(
            "before_unscale",
            Text(
                "{function} sees gradients that are still multiplied by the scaler's {scale}: the limit of {limit} "
                "is that much too small.",
                "{function} が見ている勾配には、まだ scaler の {scale} が掛かっています。制限値 {limit} "
                "はその分だけ小さすぎます。",
            ),
            (
                Text(
                    "scaler.unscale_(optimizer) before it",
                    "その前に scaler.unscale_(optimizer) を呼ぶ",
                ),
            ),
        ),
        Cause(
            "of_other_tensors",
            Text(
                "{function} changes gradients of tensors that {optimizer} does not hold.",
                "{function} が変更しているのは、{optimizer} が持っていないテンソルの勾配です。",
            ),
            (
                Text(
                    "give it the parameters that this optimizer steps",
                    "このオプティマイザが step するパラメータを渡す",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
