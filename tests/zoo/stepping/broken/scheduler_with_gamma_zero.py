# expected: never_stepped
# "No decay" was written as gamma=0: after ten epochs the rate is 0 for good.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0)  # <- never_stepped
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(torch.randn(5, 4)), torch.randn(5, 2)).backward()
    optimizer.step()
    scheduler.step()
