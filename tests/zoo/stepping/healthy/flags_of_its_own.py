# expected: ok
# A module keeps requires_grad as its own setting and acts on it; retain_grad and the like are other words.
import torch
from torch import nn


class Features(nn.Module):
    def __init__(self, requires_grad=False):
        super().__init__()
        self.requires_grad = requires_grad
        self.retain_grad = False
        self.use_grad_checkpointing = False
        self.layer = nn.Linear(4, 6)
        if not requires_grad:
            self.layer.requires_grad_(False)

    def forward(self, x):
        return self.layer(x)


torch.manual_seed(0)
features, net = Features(), nn.Linear(4, 4)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    x = torch.randn(5, 4)
    optimizer.zero_grad()
    nn.functional.mse_loss(features(net(x)), features(x)).backward()
    optimizer.step()
