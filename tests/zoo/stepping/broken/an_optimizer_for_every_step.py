# expected: state_not_restored
# Adam is made inside the loop: its averages never go beyond the first step.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 3)
for _ in range(6):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # <- state_not_restored
    x, y = torch.randn(8, 8), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
