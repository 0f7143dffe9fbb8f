# expected: never_stepped
# The scheduler's factor is a whole-number division: 0 for the first hundred steps.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # <- never_stepped
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // 100)
for _ in range(3):
    loss = model(torch.randn(3, 4)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
