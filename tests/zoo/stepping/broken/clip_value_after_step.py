# expected: changed_too_late
# Values are cut after they were used.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def finish():
    optimizer.step()
    nn.utils.clip_grad_value_(model.parameters(), clip_value=0.5)  # <- changed_too_late


for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    finish()
