"""GF102 integer_cast: .long(), .int(), .to(torch.int64)."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    levels = (model(inputs) * 10).long()
    return (levels / 10).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return model(inputs).square().mean()
"""

KIND = Kind(
    code="GF102",
    name="integer_cast",
    since="0.1.0",
    lesson="l03_why_it_cannot",
    heading=Text("a cast to integers", "整数への型変換"),
    about=about(
        Text(
            "Integers carry no gradient: the cast rounds every value to a step of a staircase.",
            "整数は勾配を持てません。型変換はすべての値を階段の段に丸めます。",
        ),
        Text(
            "leave the value in floating point and drop the cast",
            "浮動小数点のまま残し、型変換をやめる",
        ),
        Text(
            "if whole numbers are needed forward: x + (x.round() - x).detach() (straight-through)",
            "順伝播で整数が必要なら x + (x.round() - x).detach() (STE)",
        ),
        Text(
            "to look something up, weight all entries instead of indexing one",
            "表を引くなら、1 つを添字で選ぶ代わりに全要素を重み付けする",
        ),
    ),
    bridge=Bridge(
        how=Text(
            "the cast's value forward, the gradient of its input backward (straight-through)",
            "順伝播は型変換した値、逆伝播は入力の勾配 (STE)",
        ),
        at_the_operation=True,
    ),
    noted=True,
    example=EXAMPLE,
    instead=INSTEAD,
)
