"""GF103 sampling: multinomial, Categorical.sample, Normal.sample, bernoulli."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Kind, about
from gradcheck_lm.flow.findings.kinds.gf101_discrete_op import COMPARISON
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return torch.distributions.Normal(model(inputs), 1.0).sample().square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return torch.distributions.Normal(model(inputs), 1.0).rsample().square().mean()
"""

KIND = Kind(
    code="GF103",
    name="sampling",
    since="0.1.0",
    lesson="l10_policy_gradient",
    heading=Text("a random draw", "乱数によるサンプリング"),
    about=about(
        Text(
            "A draw depends on the distribution only through which value came out; its gradient to the distribution's "
            "parameters is not defined.",
            "サンプルは「どの値が出たか」を通してしか分布に依存せず、分布のパラメータに対する勾配は定義されません。",
        ),
        Text(
            "distribution.rsample() where the distribution has it (reparameterisation)",
            "distribution.rsample() があればそれを使う(再パラメータ化)",
        ),
        Text(
            "torch.nn.functional.gumbel_softmax for categories",
            "カテゴリ分布には torch.nn.functional.gumbel_softmax",
        ),
        Text(
            "policy gradient: -(reward - baseline).detach() * distribution.log_prob(sample)",
            "方策勾配: -(reward - baseline).detach() * distribution.log_prob(sample)",
        ),
    ),
    causes=(COMPARISON,),
    bridge=Bridge(
        how=Text(
            "the value drawn forward, the gradient of the distribution's parameters backward (straight-through)",
            "順伝播はサンプリングした値、逆伝播は分布のパラメータの勾配 (STE)",
        ),
        at_the_operation=True,
    ),
    noted=True,
    example=EXAMPLE,
    instead=INSTEAD,
)
