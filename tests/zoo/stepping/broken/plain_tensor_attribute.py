# expected: not_held
# A tensor with requires_grad=True set on a module is no parameter of it.
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.alpha = torch.full((4,), 0.5, requires_grad=True)

    def forward(self, x):
        return x + self.alpha * self.layer(x)


model = Gate()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # <- not_held
for _ in range(2):
    loss = model(torch.randn(3, 4)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
