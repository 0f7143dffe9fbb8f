# expected: changed_too_late
# There is nothing to clip yet.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    loss = model(torch.randn(3, 4)).square().mean()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)  # <- changed_too_late
    loss.backward()
    optimizer.step()
