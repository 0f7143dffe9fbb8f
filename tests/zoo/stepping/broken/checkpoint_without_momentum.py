# expected: state_not_restored
# The file has the optimizer's state; only the weights are taken out of it.
import io

import torch
from torch import nn

teacher = nn.Linear(4, 1)
first = torch.optim.Adam(teacher.parameters(), lr=1e-3)
teacher(torch.randn(2, 4)).sum().backward()
first.step()
file = io.BytesIO()
torch.save({"model": teacher.state_dict(), "optimizer": first.state_dict()}, file)
file.seek(0)

model = nn.Linear(4, 1)
checkpoint = torch.load(file)
model.load_state_dict(checkpoint["model"])  # <- state_not_restored
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(6, 4)).square().mean().backward()
    optimizer.step()
