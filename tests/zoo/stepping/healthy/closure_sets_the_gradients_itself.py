# The closure asks autograd for the gradients and puts them into .grad: no backward() is called in it.
import torch
from torch import nn

model = nn.Linear(3, 1)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
x, y = torch.randn(20, 3), torch.randn(20, 1)


def closure():
    loss = (model(x) - y).square().mean()
    for parameter, found in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
        parameter.grad = found
    return loss


for _ in range(3):
    (model(x) - y).square().mean().backward()
    optimizer.step(closure)
    optimizer.zero_grad()
