# expected: state_not_restored
# The state is loaded into an optimizer that is then replaced by a new one.
import io

import torch
from torch import nn


def checkpoint():
    net = nn.Linear(5, 2)
    opt = torch.optim.RMSprop(net.parameters())
    net(torch.randn(3, 5)).sum().backward()
    opt.step()
    buffer = io.BytesIO()
    torch.save([net.state_dict(), opt.state_dict()], buffer)
    buffer.seek(0)
    return buffer


def main():
    torch.manual_seed(0)
    weights, moments = torch.load(checkpoint())
    net = nn.Linear(5, 2)
    net.load_state_dict(weights)
    opt = torch.optim.RMSprop(net.parameters())
    opt.load_state_dict(moments)
    opt = torch.optim.RMSprop(net.parameters(), lr=1e-4)  # <- state_not_restored
    for _ in range(3):
        opt.zero_grad()
        nn.functional.cross_entropy(net(torch.randn(4, 5)), torch.randint(2, (4,))).backward()
        opt.step()
    return net, opt


model, optimizer = main()
