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
                "This sum never goes backward: backward() is called on its term from {line} alone, and what "
                "{missing} adds teaches nothing.",
                "この和に対する backward() はありません。backward() は {line} の項だけに呼ばれ、{missing} で"
                "足したものは学習に使われません。",
            ),
            (
                Text(
                    "call backward() on the whole: total.backward(), not on one of its terms",
                    "項の 1 つではなく全体に対して total.backward() を呼ぶ",
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
                "It is computed with a graph in every step, and nothing reads it: it is part of no loss that "
                "goes backward, and is not printed either.",
                "毎ステップ計算グラフ付きで計算されますが、どこにも使われません。backward() されるどの損失に"
                "も含まれず、表示もされていません。",
            ),
            (
                Text(
                    "add it to the loss that backward() is called on",
                    "backward() を呼ぶ損失に足す",
                ),
                Text(
                    "if it is not needed: do not compute it",
                    "不要なら計算しない",
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
        Cause(
            "only_loss",
            Text(
                "It reaches {parameters}, which {optimizer} holds and no backward() gives a gradient: "
                "backward() is never called on it.",
                "この損失は {optimizer} の持つ {parameters} に届きますが、そこに勾配を与える backward() はあ"
                "りません。この損失の backward() は一度も呼ばれていません。",
            ),
            (
                Text(
                    "call backward() on it, before the step of its optimizer",
                    "オプティマイザの step の前に、この損失の backward() を呼ぶ",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
