# expected: stale
# The layer is used anew in every step, and its weight decay is taken of what it was before the loop.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
size = model.weight.double().square().sum().float()  # <- stale
for _ in range(3):
    loss = model(torch.randn(8, 4)).square().mean() + 0.1 * size
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
