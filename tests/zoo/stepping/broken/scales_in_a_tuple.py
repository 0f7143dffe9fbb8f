# expected: not_held
# Parameters in a tuple: the module does not register them.
import torch
from torch import nn


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.scales = (nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4)))  # <- not_held

    def forward(self, x):
        gain, shift = self.scales
        return self.body(x) * gain + shift


model = Scaled()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    (model(torch.randn(3, 4)) - 2).square().mean().backward()
    optimizer.step()
