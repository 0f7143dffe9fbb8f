# expected: changed_too_late
# No name begins with "transformer": the list is empty, and nothing says so.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    wild = [p for name, p in model.named_parameters() if name.startswith("transformer")]
    nn.utils.clip_grad_norm_(wild, 1.0)  # <- changed_too_late
    optimizer.step()
