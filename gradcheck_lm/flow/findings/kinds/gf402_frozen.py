"""GF402 frozen: the tensor itself has requires_grad=False."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
model.weight.requires_grad_(False)
wrt = dict(model.named_parameters())
inputs = torch.ones(2, 4)


def loss():
    return model(inputs).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = dict(model.named_parameters())
inputs = torch.ones(2, 4)


def loss():
    return model(inputs).square().mean()
"""

KIND = Kind(
    code="GF402",
    name="frozen",
    since="0.1.0",
    lesson="l05_frozen_is_not_cut",
    heading=Text("a parameter that asks for no gradient", "凍結されたパラメータ"),
    about=about(
        Text(
            "requires_grad is False on the tensor itself, so autograd computes no gradient for it.",
            "テンソル自身の requires_grad が False なので、autograd は勾配を計算しません。",
        ),
        Text(
            "parameter.requires_grad_(True), before the forward pass",
            "順伝播の前に parameter.requires_grad_(True)",
        ),
        Text(
            "leave it out of wrt and of the optimizer if it is meant to stay fixed",
            "固定したままにするつもりなら、対象(wrt)とオプティマイザから外す",
        ),
    ),
    causes=(
        Cause(
            "detached",
            Text(
                "It is detached from a parameter, as model.state_dict(), .data and .detach() give it: the numbers are "
                "the same, and no gradient ever comes to this one.",
                "パラメータから切り離されたテンソルです(model.state_dict()・.data・.detach() の結果)。"
                "数値は同じですが、これに勾配が届くことはありません。",
            ),
            (
                Text(
                    "use the parameter itself: wrt=model, and model.parameters() for the optimizer",
                    "パラメータ自身を渡す: wrt=model、オプティマイザには model.parameters()",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        how=Text("requires_grad was True during this run", "この実行の間は requires_grad を True にしました")
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
