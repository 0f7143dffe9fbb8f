# expected: overwritten
# The initialisation runs over what was loaded a line before.
import torch
from torch import nn


def initialise(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
model.load_state_dict({name: value + 0.5 for name, value in model.state_dict().items()})
model.apply(initialise)  # <- overwritten
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(6, 4)).square().mean().backward()
    optimizer.step()
