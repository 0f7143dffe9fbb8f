# expected: never_stepped
# The scale overflows, and is set anew in each step where update() would lower it.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
for _ in range(3):
    loss = 100 * model(torch.randn(3, 4)).square().mean()
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)  # <- never_stepped
    scaler.update(2.0**127)
