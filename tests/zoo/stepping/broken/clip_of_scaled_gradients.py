# expected: changed_too_late
# The gradients are still 65536 times too large when they are clipped to 1.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for _ in range(2):
    optimizer.zero_grad()
    loss = model(torch.randn(3, 4)).square().mean()
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # <- changed_too_late
    scaler.step(optimizer)
    scaler.update()
