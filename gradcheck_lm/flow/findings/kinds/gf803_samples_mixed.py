"""GF803 samples_mixed: samples of a batch read each other: batch_first, view, a softmax over the batch."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def loss():
    weights = model(inputs).softmax(0)
    return (weights * targets).sum(-1).mean()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def loss():
    weights = model(inputs).softmax(-1)
    return (weights * targets).sum(-1).mean()
"""

KIND = Kind(
    code="GF803",
    name="samples_mixed",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "samples that read each other",
        "サンプルどうしの混入",
    ),
    about=about(
        Text(
            "The output for one sample of the batch depends on the other samples of it.",
            "バッチの 1 つのサンプルの出力が、同じバッチの他のサンプルに依存しています。",
        ),
        Text(
            "check which axis is the batch: batch_first=True, dim=-1 for a softmax over classes",
            "どの軸がバッチか確かめる: batch_first=True、クラスの softmax なら dim=-1",
        ),
        Text(
            "permute or transpose to change the order of axes; view and reshape only cut the numbers anew",
            "軸の順序は permute や transpose で変える。view や reshape は数を切り直すだけ",
        ),
        Text(
            "if they are meant to (contrastive losses, graphs, batch norm), there is no fault here",
            "意図したものなら(対照損失、グラフ、バッチ正規化)誤りではない",
        ),
    ),
    causes=(
        Cause(
            "softmax_over_the_batch",
            Text(
                "{function} at {line} runs over axis {axis}, which is the batch.",
                "{line} の {function} は軸 {axis} に沿って計算していますが、それはバッチの軸です。",
            ),
            (
                Text(
                    "dim=-1, or the axis of the classes",
                    "dim=-1、またはクラスの軸を使う",
                ),
            ),
        ),
        Cause(
            "batch_first",
            Text(
                "{module} takes the first axis as time and is given the batch there: it reads from sample to sample.",
                "{module} は最初の軸を時間とみなしますが、そこにバッチが渡されています。"
                "サンプルをまたいで計算しています。",
            ),
            (
                Text(
                    "batch_first=True, or inputs.transpose(0, 1)",
                    "batch_first=True とするか inputs.transpose(0, 1)",
                ),
            ),
        ),
        Cause(
            "view",
            Text(
                "{function} at {line} cuts the numbers anew: parts of one sample end up in another's place.",
                "{line} の {function} は数を切り直し、あるサンプルの一部が別のサンプルの位置に入ります。",
            ),
            (
                Text(
                    "permute or transpose to change the order of axes",
                    "軸の順序は permute や transpose で変える",
                ),
                Text(
                    "reshape only axes that stand beside each other, and leave the batch's out",
                    "reshape は隣り合う軸だけに使い、バッチの軸は触らない",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no gradient is cut here: it flows to more than was meant",
            "ここで勾配は切れていません。意図より広く流れています",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
