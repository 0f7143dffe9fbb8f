# expected: overwritten
# The checkpoint is loaded inside the loop: every step starts where the first one did.
import torch
from torch import nn

model = nn.Linear(4, 1)
saved = {name: value.clone() for name, value in model.state_dict().items()}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    model.load_state_dict(saved)  # <- overwritten
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 3).square().mean().backward()
    optimizer.step()
