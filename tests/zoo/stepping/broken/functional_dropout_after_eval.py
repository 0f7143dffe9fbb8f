# expected: mode_flips
# F.dropout keeps dropping in eval mode: its training flag is not passed on.
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(5, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.two(F.dropout(F.relu(self.one(x)), 0.3))  # <- mode_flips


def main():
    torch.manual_seed(0)
    net = Net()
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        net.train()
        loss = F.cross_entropy(net(torch.randn(8, 5)), torch.randint(2, (8,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        net.eval()
        with torch.no_grad():
            net(torch.randn(8, 5))
    return net


model = main()
