# expected: ok
# A fixed random target and its predictor; a frozen layer that took over the weights of the one it replaced.
import torch
from torch import nn


class Low(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = nn.Linear(base.in_features, base.out_features)
        self.base.weight.data.copy_(base.weight.data)
        self.base.bias.data.copy_(base.bias.data)
        self.base.requires_grad_(False)
        self.down, self.up = nn.Linear(base.in_features, 2), nn.Linear(2, base.out_features)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


torch.manual_seed(0)
target, predictor = nn.Linear(4, 6), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
target.requires_grad_(False)
predictor[0] = Low(predictor[0])
frozen = nn.Linear(8, 6)
frozen.load_state_dict(predictor[2].state_dict())
predictor[2] = frozen.requires_grad_(False)
optimizer = torch.optim.SGD([one for one in predictor.parameters() if one.requires_grad], lr=0.1)
for _ in range(3):
    x = torch.randn(5, 4)
    optimizer.zero_grad()
    (predictor(x) - target(x)).square().mean().backward()
    optimizer.step()
