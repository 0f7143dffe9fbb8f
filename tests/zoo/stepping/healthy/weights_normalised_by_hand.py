# Rows are scaled to length 1 after each step: written from themselves.
import torch
from torch import nn

model = nn.Linear(6, 3, bias=False)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(5 * model(torch.randn(8, 6)), torch.randint(0, 3, (8,))).backward()
    optimizer.step()
    with torch.no_grad():
        model.weight.div_(model.weight.norm(dim=1, keepdim=True))
