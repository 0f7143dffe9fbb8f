# A model that is loaded and then cast holds other numbers, and nobody wrote over them.
import torch
from torch import nn

model = nn.Linear(4, 2)
model.load_state_dict({name: value + 0.3 for name, value in model.state_dict().items()})
model.to(torch.bfloat16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(6, 4, dtype=torch.bfloat16)).float().square().mean().backward()
    optimizer.step()
