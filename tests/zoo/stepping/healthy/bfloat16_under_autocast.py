# bfloat16 has the range of float32.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 4))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    x, y = torch.randn(16, 8), torch.randint(4, (16,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = nn.functional.cross_entropy(model(x), y) * 1e-5
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
