# Three ways to go on with a schedule, and a fine-tuning that wants the weights alone and a schedule of its own.
import io

import torch
from torch import nn


def begin():
    net = nn.Linear(3, 1)
    moves = torch.optim.Adam(net.parameters(), lr=0.1)
    return net, moves, torch.optim.lr_scheduler.ExponentialLR(moves, 0.9)


def train(net, moves, falls, epochs):
    for _ in range(epochs):
        x = torch.randn(8, 3)
        moves.zero_grad()
        nn.functional.mse_loss(net(x), x.sum(1, keepdim=True)).backward()
        moves.step()
        falls.step()


torch.manual_seed(0)
net, moves, falls = begin()
train(net, moves, falls, 4)
content = {"net": net.state_dict(), "moves": moves.state_dict(), "falls": falls.state_dict(), "epoch": 4}
for way in ("its state", "a number", "forward"):
    file = io.BytesIO()
    torch.save(content, file)
    file.seek(0)
    read = torch.load(file)
    net, moves, falls = begin()
    net.load_state_dict(read["net"])
    moves.load_state_dict(read["moves"])
    if way == "its state":
        falls.load_state_dict(read["falls"])
    elif way == "a number":
        falls = torch.optim.lr_scheduler.ExponentialLR(moves, 0.9, last_epoch=read["epoch"] - 1)
    else:
        for _ in range(read["epoch"]):
            falls.step()
    train(net, moves, falls, 2)
