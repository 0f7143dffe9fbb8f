# expected: never_stepped
# Weights near 1 in bfloat16 have neighbours 0.004 away: a step of 1e-5 is rounded off.
import torch
from torch import nn

model = nn.Linear(4, 2).bfloat16()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.fill_(1.0)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-5)  # <- never_stepped
for _ in range(3):
    loss = model(torch.randn(3, 4).bfloat16()).float().square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
