# Masked scores are minus infinity on purpose; the loss and its gradient are finite.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 5)
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    allowed = torch.ones(6, 5, dtype=torch.bool).tril(2)
    score = model(torch.randn(6, 4)).masked_fill(~allowed, float("-inf"))
    optimizer.zero_grad()
    nn.functional.cross_entropy(score, torch.zeros(6, dtype=torch.long)).backward()
    optimizer.step()
