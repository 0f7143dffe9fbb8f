# expected: not_cleared
# A method that is named and not called.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad  # noqa: B018
    model(torch.randn(3, 4)).square().mean().backward()  # <- not_cleared
    optimizer.step()
