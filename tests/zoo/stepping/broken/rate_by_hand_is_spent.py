# expected: never_stepped
# The same with a function of the program's own, which counts batches and is told of epochs.
import torch
from torch import nn


def adjust(optimizer, turn, turns, highest=0.05):
    rate = highest * max(0.0, 1.0 - turn / turns)
    for group in optimizer.param_groups:
        group["lr"] = rate


def train(model, optimizer, epochs):
    turn = 0
    for _ in range(epochs):
        for x in torch.randn(6, 8, 3):
            adjust(optimizer, turn, epochs)  # <- never_stepped
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), x.sum(1, keepdim=True)).backward()
            optimizer.step()
            turn += 1


torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
train(model, optimizer, 3)
