# expected: zero_gradient zero_gradient
# Every layer begins at zero: its inputs and its weights are both zero, and neither teaches the other.
import torch
from torch import nn


def begin(module):
    if isinstance(module, nn.Linear):
        module.weight.data.fill_(0)  # <- zero_gradient
        nn.init.zeros_(module.bias)


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
model.apply(begin)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    x, y = torch.randn(8, 8), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()  # <- zero_gradient
    optimizer.step()
