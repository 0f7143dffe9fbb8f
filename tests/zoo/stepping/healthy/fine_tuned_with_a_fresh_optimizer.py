# Another model's weights, from a file without an optimizer in it.
import io

import torch
from torch import nn

file = io.BytesIO()
torch.save(nn.Linear(4, 1).state_dict(), file)
file.seek(0)
model = nn.Linear(4, 1)
model.load_state_dict(torch.load(file))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(6, 4)).square().mean().backward()
    optimizer.step()
