# expected: never_stepped
# scheduler.step() alone: the optimizer's is missing.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters())  # <- never_stepped
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    scheduler.step()
