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
    lesson="l15_gradients_add_up",
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
                "zero_grad() here is between backward() at {line} and step() at {step}: {optimizer} steps "
                "without any gradient, and nothing is learnt.",
                "ここの zero_grad() は {line} の backward() と {step} の step() の間にあります。{optimizer} "
                "は勾配なしで step し、何も学習されません。",
            ),
            (
                Text(
                    "move zero_grad() before backward(), or behind step()",
                    "zero_grad() を backward() の前か step() の後に移す",
                ),
                Text(
                    "the order of a step: zero_grad(), forward, backward(), step()",
                    "ステップの順序: zero_grad()、順伝播、backward()、step()",
                ),
            ),
        ),
        Cause(
            "per_micro_batch",
            Text(
                "Gradients of backward() at {line} ({count}) were cleared here before any step() used them: "
                "of each round only the last one reaches {optimizer}.",
                "{line} の backward() の勾配({count} 回分)が、step() に使われる前にここで消されました。"
                "{optimizer} に届くのは毎回、最後の 1 つだけです。",
            ),
            (
                Text(
                    "clear the gradients only where the optimizer has stepped: move zero_grad() next to step(), "
                    "under its if",
                    "勾配を消すのは step した後だけにする: zero_grad() を step() の隣、同じ if の中に移す",
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
            "by_hand",
            Text(
                "Gradients are thrown away here, between backward() at {line} and step() at {step}: "
                "{optimizer} steps without any gradient, and nothing is learnt.",
                "ここで、{line} の backward() と {step} の step() の間に勾配が捨てられています。{optimizer} "
                "は勾配なしで step し、何も学習されません。",
            ),
            (
                Text(
                    "the order of a step: zero_grad(), forward, backward(), step()",
                    "ステップの順序: zero_grad()、順伝播、backward()、step()",
                ),
                Text(
                    "change gradients in place (grad.mul_, clip_grad_norm_), and clear them after step()",
                    "勾配は in-place に変え(grad.mul_、clip_grad_norm_)、消すのは step() の後にする",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
