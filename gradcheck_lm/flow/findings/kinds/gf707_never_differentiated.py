"""GF707 never_differentiated: a scalar with a graph that contains the loss, or a term of it, never went backward."""

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
    fit = (model(inputs) - targets).square().mean()
    total = fit + 0.1 * model.weight.abs().sum()
    fit.backward()
    optimizer.step()
    return total.item()
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
    fit = (model(inputs) - targets).square().mean()
    total = fit + 0.1 * model.weight.abs().sum()
    total.backward()
    optimizer.step()
    return total.item()
"""

KIND = Kind(
    code="GF707",
    name="never_differentiated",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "a loss that is computed and never differentiated",
        "計算されたが微分されない損失",
    ),
    about=about(
        Text(
            "A scalar with a gradient is computed in every step, and no backward() goes through it: it teaches "
            "nothing.",
            "勾配を持つスカラーが毎ステップ計算されますが、どの backward() もそれを通りません。何も学習されません。",
        ),
        Text(
            "add it to the loss that backward() is called on",
            "backward() を呼ぶ損失に足す",
        ),
        Text(
            "call backward() on the whole: total.backward(), not on one of its terms",
            "項の 1 つではなく全体に対して total.backward() を呼ぶ",
        ),
        Text(
            "if it is only shown: compute it under torch.no_grad()",
            "表示だけなら torch.no_grad() の中で計算する",
        ),
    ),
    causes=(
        Cause(
            "sum_unused",
            Text(
                "{name} contains the loss that went backward at {line} and more, and itself never went backward: "
                "what was added is lost.",
                "{name} は {line} で backward() された損失に他の項を足したものですが、それ自身は backward() "
                "されていません。足した項は失われます。",
            ),
            (
                Text(
                    "{name}.backward() instead",
                    "代わりに {name}.backward() を呼ぶ",
                ),
                Text(
                    "loss += term adds to the name; loss + term alone is thrown away",
                    "loss += term は名前に足すが、loss + term だけでは捨てられる",
                ),
            ),
        ),
        Cause(
            "term_unused",
            Text(
                "{name} is computed at {line} and is part of no loss that went backward.",
                "{name} は {line} で計算されますが、backward() されたどの損失にも含まれていません。",
            ),
            (
                Text(
                    "add it to the loss: loss = loss + weight * {name}",
                    "損失に足す: loss = loss + weight * {name}",
                ),
                Text(
                    "if it is only shown: {name}.detach(), or compute it under torch.no_grad()",
                    "表示だけなら {name}.detach() とするか、torch.no_grad() の中で計算する",
                ),
            ),
        ),
        Cause(
            "overwritten",
            Text(
                "{name} is written over at {line} before backward(): only the last one teaches.",
                "{name} は backward() の前に {line} で上書きされています。最後のものだけが学習に使われます。",
            ),
            (
                Text(
                    "sum over the loop: total = total + {name}",
                    "ループで合計する: total = total + {name}",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
