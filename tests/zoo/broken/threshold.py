# expected: discrete_op
# A hard threshold before the loss.
import torch
import torch.nn.functional as F

model = torch.nn.Linear(4, 1)
wrt = model


def loss():
    predicted = (model(torch.randn(6, 4)).sigmoid() > 0.5).float()  # <- discrete_op
    return F.mse_loss(predicted, torch.ones(6, 1))
