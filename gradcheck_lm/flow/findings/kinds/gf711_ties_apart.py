"""GF711 ties_apart: weights that were equal, as if tied, drift apart."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
with torch.no_grad():
    model[1].weight.copy_(model[0].weight)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
ids = torch.tensor([0, 1, 2])


def step():
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(ids), ids.roll(1)).backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
model[1].weight = model[0].weight
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
ids = torch.tensor([0, 1, 2])


def step():
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(ids), ids.roll(1)).backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF711",
    name="ties_apart",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "tied weights that come apart",
        "離れていく共有の重み",
    ),
    about=about(
        Text(
            "Two parameters of one model were equal to the bit before the first step and differ after it: they were "
            "meant as one and are two.",
            "1 つのモデルの 2 つのパラメータが、最初の step の前は 1 ビットも違わず、その後は異なります。1 "
            "つのつもりが 2 つになっています。",
        ),
        Text(
            "tie the parameter itself: decoder.weight = encoder.weight, not a copy of its values",
            "値のコピーではなくパラメータそのものを共有する: decoder.weight = encoder.weight",
        ),
        Text(
            "tie after loading, casting and moving, and again after anything that makes parameters anew",
            "読み込み・型変換・移動の後で共有し、パラメータが作り直されたら共有し直す",
        ),
        Text(
            "if two equal starts are meant, there is no fault here",
            "同じ初期値から始めただけなら誤りではない",
        ),
    ),
    causes=(
        Cause(
            "copied_transposed",
            Text(
                "{parameter} and {other} were each other's transpose, bit by bit, before the first step, and are not "
                "after it: the program speaks of tied weights, and these are two parameters that learn apart.",
                "{parameter} と {other} は最初の step の前は互いの転置に 1 ビットも違わず等しく、その後は異なります。"
                "プログラムは共有の重み (tied) と言っていますが、これは別々に学習する 2 つのパラメータです。",
            ),
            (
                Text(
                    "make no second parameter: F.linear(x, encoder.weight.t(), bias) in forward()",
                    "2 つ目のパラメータを作らず、forward() で F.linear(x, encoder.weight.t(), bias) とする",
                ),
                Text(
                    "if it is only to begin so, there is no fault here",
                    "初期値をそろえただけなら誤りではない",
                ),
            ),
        ),
        Cause(
            "copied",
            Text(
                "{parameter} and {other} were equal, bit by bit, before the first step, and are not after "
                "it: they are two tensors where one was meant to serve as embedding and as output layer.",
                "{parameter} と {other} は最初の step の前は 1 ビットも違わず、その後は異なります。埋め込みと"
                "出力層で 1 つを共有するつもりのものが、2 つのテンソルになっています。",
            ),
            (
                Text(
                    "assign the Parameter: {other} = {parameter}",
                    "Parameter を代入する: {other} = {parameter}",
                ),
                Text(
                    "tie after loading, casting and moving, and again after anything that makes parameters anew",
                    "読み込み・型変換・移動の後で共有し、パラメータが作り直されたら共有し直す",
                ),
                Text(
                    "if two equal starts are meant, there is no fault here",
                    "同じ初期値から始めただけなら誤りではない",
                ),
            ),
        ),
    ),
    severity="warning",
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
