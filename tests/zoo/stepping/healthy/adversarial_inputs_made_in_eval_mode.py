# The inputs that fool the model are made in eval mode, with gradients; it learns from them in training mode.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def loss(x, y):
    return nn.functional.cross_entropy(model(x), y)


for _ in range(4):
    x, y = torch.randn(8, 4), torch.randint(2, (8,))
    model.eval()
    moved = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(moved, y), moved)
    model.train()
    optimizer.zero_grad()
    loss(x + 0.1 * slope.sign(), y).backward()
    optimizer.step()
