# expected: trained_or_frozen_by_mistake
# The attribute has one letter too many: nothing is frozen.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2)

    def freeze_body(self):
        for parameter in self.body.parameters():
            parameter.requires_grads = False  # <- trained_or_frozen_by_mistake

    def forward(self, x):
        return self.head(self.body(x))


def main():
    torch.manual_seed(0)
    net = Net()
    net.freeze_body()
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        opt.zero_grad()
        nn.functional.cross_entropy(net(torch.randn(5, 4)), torch.randint(2, (5,))).backward()
        opt.step()
    return net


model = main()
