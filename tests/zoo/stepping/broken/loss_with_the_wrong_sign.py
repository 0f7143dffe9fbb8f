# expected: climbs
# Minus cross entropy is made as small as can be.
import torch
from torch import nn


def main():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        x, label = torch.randn(8, 6), torch.randint(3, (8,))
        loss = -nn.functional.cross_entropy(net(x), label)  # <- climbs
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net, opt


model, optimizer = main()
