"""GF705 cleared_early: gradients are cleared between backward() and step(), or per micro-batch."""

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
    optimizer.zero_grad()
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
    code="GF705",
    name="cleared_early",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "gradients cleared before they were used",
        "使われる前に消された勾配",
    ),
    about=about(
        Text(
            "A gradient was made and cleared again before any optimizer stepped with it: it teaches nothing.",
            "作られた勾配が、どのオプティマイザにも使われる前に消されました。何も学習されません。",
        ),
        Text(
            "the order of a step: zero_grad(), forward, backward(), step()",
            "ステップの順序: zero_grad()、順伝播、backward()、step()",
        ),
        Text(
            "with accumulation: zero_grad() only after the step(), not for each micro-batch",
            "累積するときは、マイクロバッチごとではなく step() の後にだけ zero_grad()",
        ),
    ),
    causes=(
        Cause(
            "before_step",
            Text(
                "zero_grad() stands between backward() at {line} and the step: {optimizer} steps with nothing.",
                "{line} の backward() と step の間に zero_grad() があります。{optimizer} は勾配なしで step します。",
            ),
            (
                Text(
                    "move zero_grad() before backward(), or behind step()",
                    "zero_grad() を backward() の前か step() の後に移す",
                ),
            ),
        ),
        Cause(
            "per_micro_batch",
            Text(
                "zero_grad() runs for each micro-batch: of {count} gradients between two steps only the last is used.",
                "zero_grad() がマイクロバッチごとに呼ばれています。2 回の step の間の {count} 個の勾配のうち、最後の "
                "1 つだけが使われます。",
            ),
            (
                Text(
                    "zero_grad() only where step() is called: inside the same if, after it",
                    "zero_grad() は step() を呼ぶところだけで、同じ if の中、その後に呼ぶ",
                ),
                Text(
                    "divide the loss by the number of micro-batches",
                    "損失はマイクロバッチの数で割る",
                ),
            ),
        ),
        Cause(
            "another_players",
            Text(
                "{optimizer}'s zero_grad() at this place clears gradients that belong to the loss of {line} and were "
                "not stepped with yet.",
                "ここでの {optimizer} の zero_grad() は、{line} の損失の、まだ step "
                "に使われていない勾配を消しています。",
            ),
            (
                Text(
                    "step with them first, or clear before that loss's backward()",
                    "先にそれらで step するか、その損失の backward() の前に消す",
                ),
            ),
        ),
        Cause(
            "set_to_none_on_grad",
            Text(
                "{parameter}.grad is set anew here, after backward() and before the step.",
                "ここで、backward() の後、step の前に {parameter}.grad が書き換えられています。",
            ),
            (
                Text(
                    "change gradients in place (grad.mul_, clip_grad_norm_), or between zero_grad() and backward()",
                    "勾配は in-place に変える(grad.mul_、clip_grad_norm_)か、zero_grad() と backward() の間で扱う",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
