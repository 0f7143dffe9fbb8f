# expected: not_cleared
# Mixed precision was put in, and the old step stayed at the end of the loop: every update is made twice.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
for _ in range(4):
    inputs, targets = torch.randn(5, 6), torch.randn(5, 2)
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(inputs)
    scaler.scale((found.float() - targets).square().mean()).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.step()  # <- not_cleared
