# expected: ok
# The same corrector under no_grad gives what is to be reached; the student's own way is open.
import torch
from torch import nn


class Corrector(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(7, 9), nn.Linear(9, 6)

    def forward(self, x, level):
        x = torch.cat([x, level.expand(len(x), 1)], dim=1)
        return self.outer(self.inner(x).tanh())


corrector = Corrector().requires_grad_(False)
student = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6))
wrt = student
images = torch.randn(5, 6)


def loss():
    with torch.no_grad():
        goal = corrector(images, torch.tensor([0.2]))
    return (student(images + 0.1 * torch.randn(5, 6)) - goal).square().mean()
