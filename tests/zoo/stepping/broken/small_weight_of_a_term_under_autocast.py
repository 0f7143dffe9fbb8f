# expected: underflow
# The weight of the loss is so small that half precision rounds its gradient to 0.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    x, y = torch.randn(16, 8), torch.randint(4, (16,))
    with torch.autocast("cpu", dtype=torch.float16):
        logits = model(x)
    loss = nn.functional.cross_entropy(logits.float(), y) * 1e-8  # <- underflow
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
