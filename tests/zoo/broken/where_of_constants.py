# expected: discrete_op
# torch.where chooses between constants: the condition is all that depends on the model.
import torch
from torch import nn

model = nn.Linear(4, 1)
wrt = model


def loss():
    output = model(torch.randn(9, 4)).squeeze(-1)
    cost = torch.where(output > 0, torch.tensor(1.0), torch.tensor(5.0))  # <- discrete_op
    return {"fit": output.square().mean(), "cost": cost.mean()}
