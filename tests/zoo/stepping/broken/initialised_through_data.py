# expected: overwritten
# .data counts no version: what was loaded is written over all the same.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
saved = {name: value + 0.5 for name, value in model.state_dict().items()}
model.load_state_dict(saved)
for module in model.modules():
    if isinstance(module, nn.Linear):
        module.weight.data.normal_(std=0.02)  # <- overwritten
        module.bias.data.zero_()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(6, 4)).square().mean().backward()
    optimizer.step()
