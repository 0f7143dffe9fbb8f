# .double() keeps the parameters and changes their data: the optimizer still holds them.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.double()
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4, dtype=torch.float64)).square().mean().backward()
    optimizer.step()
