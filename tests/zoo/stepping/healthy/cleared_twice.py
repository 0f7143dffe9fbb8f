# Both the optimizer's and the model's zero_grad: once too often does no harm.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    model.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
    model.zero_grad(set_to_none=False)
