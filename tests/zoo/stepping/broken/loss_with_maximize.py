# expected: climbs
# maximize=True was left from an experiment with rewards; this is a loss.
import torch
from torch import nn

model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, maximize=True)  # <- climbs
for _ in range(2):
    loss = nn.functional.cross_entropy(model(torch.randn(5, 4)), torch.randint(0, 3, (5,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
