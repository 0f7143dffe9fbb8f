# expected: not_cleared
# LBFGS calls its closure many times a step: the gradients pile up.
import torch
from torch import nn

model = nn.Linear(3, 1)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
x, y = torch.randn(20, 3), torch.randn(20, 1)


def closure():
    loss = (model(x) - y).square().mean()
    loss.backward()  # <- not_cleared
    return loss


for _ in range(2):
    optimizer.step(closure)
    optimizer.zero_grad()
