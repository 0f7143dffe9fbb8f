# The body is not frozen by name, and runs under no_grad.
import torch
from torch import nn

body, head = nn.Sequential(nn.Linear(6, 12), nn.ReLU()).eval(), nn.Linear(12, 3)
optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
for _ in range(3):
    with torch.no_grad():
        features = body(torch.randn(5, 6))
    loss = nn.functional.cross_entropy(head(features), torch.randint(0, 3, (5,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
