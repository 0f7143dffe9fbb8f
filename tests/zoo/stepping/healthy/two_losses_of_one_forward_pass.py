# One forward pass, two losses, two optimizers in turns: the second loss was computed before the first step, on purpose.
import torch
from torch import nn

torch.manual_seed(0)
shift = nn.Parameter(torch.zeros(4))
one, two = nn.Linear(4, 2), nn.Linear(4, 2)
first = torch.optim.SGD([shift, *one.parameters()], lr=0.1)
second = torch.optim.SGD(two.parameters(), lr=0.1)
for _ in range(3):
    codes = torch.randn(8, 4) + shift
    loss, other = one(codes).square().mean(), two(codes).square().mean()
    first.zero_grad()
    second.zero_grad()
    loss.backward(retain_graph=True)
    first.step()
    other.backward(inputs=list(two.parameters()))
    second.step()
