# Clipping by norm and by value, from names imported before.
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

model = nn.LSTM(3, 4)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(5, 2, 3))[0].square().mean().backward()
    clip_grad_value_(model.parameters(), 5.0)
    clip_grad_norm_((p for p in model.parameters()), 1.0)
    optimizer.step()
