# expected: state_not_restored
# The file has the scheduler's state; model and optimizer go on where they were, the schedule begins anew.
import io

import torch
from torch import nn


def begin():
    net = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
    moves = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return net, moves, torch.optim.lr_scheduler.ExponentialLR(moves, 0.9)


def train(net, moves, falls, epochs):
    for _ in range(epochs):
        for _ in range(2):
            x = torch.randn(8, 3)
            moves.zero_grad()
            nn.functional.mse_loss(net(x), x.prod(1, keepdim=True)).backward()
            moves.step()
        falls.step()


torch.manual_seed(0)
net, moves, falls = begin()
train(net, moves, falls, 4)
file = io.BytesIO()
torch.save([net.state_dict(), {"moves": moves.state_dict(), "falls": falls.state_dict()}], file)
file.seek(0)
weights, others = torch.load(file)
net, moves, falls = begin()
net.load_state_dict(weights)
moves.load_state_dict(others["moves"])  # <- state_not_restored
train(net, moves, falls, 2)
