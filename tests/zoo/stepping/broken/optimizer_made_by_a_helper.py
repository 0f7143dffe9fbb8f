# expected: not_held
# A helper makes the optimizer of what it is given; the prototypes, which the helper cannot see, were to be given as well.
import torch
from torch import nn


class Prototypes(nn.Module):
    def __init__(self, classes, width):
        super().__init__()
        self.points = nn.Parameter(torch.randn(classes, width))

    def forward(self, codes):
        return -torch.cdist(codes, self.points)


def adam_for(*modules, lr=1e-2):
    groups = [{"params": module.parameters(), "lr": lr} for module in modules]
    return torch.optim.Adam(groups)


def set_up():
    encoder, prototypes = nn.Linear(4, 6), Prototypes(3, 6)
    optimizer = adam_for(encoder)  # <- not_held
    return encoder, prototypes, optimizer


encoder, prototypes, optimizer = set_up()
for _ in range(2):
    x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(prototypes(encoder(x)), y).backward()
    optimizer.step()
