# The norm is read for a log after the step, without clipping.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.GRU(4, 4)
optimizer = torch.optim.Adam(model.parameters())
norms = []
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(5, 2, 4))[0].square().mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    norms.append(torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item())
