"""GF304 units_alike: units of a layer that begin alike and get the same gradient."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
inputs, labels = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])
for layer in (model[0], model[2]):
    nn.init.constant_(layer.weight, 0.1)
    nn.init.zeros_(layer.bias)


def loss():
    return nn.functional.cross_entropy(model(inputs), labels)
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
inputs, labels = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])
for layer in (model[0], model[2]):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)


def loss():
    return nn.functional.cross_entropy(model(inputs), labels)
"""
_CURES = (
    Text(
        "leave torch's own initialisation, or draw the weights: nn.init.kaiming_uniform_, nn.init.xavier_uniform_",
        "torch の既定の初期化のままにするか、重みを乱数にする: nn.init.kaiming_uniform_、nn.init.xavier_uniform_",
    ),
    Text(
        "only biases, the scales of norms and the last layer of a branch may begin at one number",
        "1 つの値から始めてよいのは、バイアス、正規化層の係数、分岐の最後の層だけ",
    ),
)

KIND = Kind(
    code="GF304",
    name="units_alike",
    since="0.2.0",
    lesson="l04_three_illnesses",
    heading=Text("units that begin alike and stay alike", "最初から同じで、ずっと同じままのユニット"),
    about=about(
        Text(
            "All units of a layer have the same weights and get the same gradient: they learn one and the same thing.",
            "層のすべてのユニットが同じ重みを持ち、同じ勾配を受け取ります。どのユニットも同じことしか学習しません。",
        ),
        *_CURES,
    ),
    causes=(
        Cause(
            "one_value",
            Text(
                "All {count} units of {parameter} begin with the same weights, and the next layer reads them alike: "
                "each gets the same gradient, so that they stay one unit, {count} times.",
                "{parameter} の {count} 個のユニットはすべて同じ重みで始まり、次の層も同じように読みます。どれも同じ"
                "勾配を受け取るので、1 つのユニットが {count} 個並んでいるのと変わりません。",
            ),
            _CURES,
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient arrives; it is the same for all units",
            "勾配は届いています。どのユニットにも同じ勾配です",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
