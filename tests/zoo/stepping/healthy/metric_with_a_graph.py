# A metric that nobody put under no_grad is printed, and is no loss.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(3):
    out, y = model(torch.randn(5, 4)), torch.randn(5, 1)
    loss = nn.functional.smooth_l1_loss(out, y)
    error = (out - y).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.3f} {error.item():.3f}")
