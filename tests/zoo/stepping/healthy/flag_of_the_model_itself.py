# A class keeps a flag called needs_grad for its own use.
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, needs_grad):
        super().__init__()
        self.needs_grad = needs_grad
        self.net = nn.Linear(4, 6)

    def forward(self, x):
        with torch.set_grad_enabled(self.needs_grad):
            return torch.relu(self.net(x))


torch.manual_seed(0)
encoder, head = Encoder(needs_grad=False), nn.Linear(6, 2)
optimizer = torch.optim.Adam(head.parameters())
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(head(encoder(torch.randn(5, 4))), torch.randint(2, (5,))).backward()
    optimizer.step()
