# expected: overwritten
# Each task begins from the same weights, as Reptile wants it, and what is put back is what the last task has made of them.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
for _ in range(2):
    before = model.state_dict()  # <- overwritten
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    model.load_state_dict(before)
