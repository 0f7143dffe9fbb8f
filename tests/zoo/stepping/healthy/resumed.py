# Weights and the optimizer's state are both loaded.
import io

import torch
from torch import nn


def build():
    model = nn.Linear(4, 1)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def train(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()


model, optimizer = build()
train(model, optimizer)
file = io.BytesIO()
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
file.seek(0)
model, optimizer = build()
checkpoint = torch.load(file)
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
for _ in range(2):
    train(model, optimizer)
