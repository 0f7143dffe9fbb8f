# A mixture's log-likelihood: log of a sum of probabilities into nll_loss.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=F.nll_loss
import torch
import torch.nn.functional as F
from torch import nn


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(10, 4) for _ in range(2)])
        self.gate = nn.Linear(10, 2)

    def forward(self, x):
        gates = self.gate(x).softmax(-1)
        each = torch.stack([expert(x).softmax(-1) for expert in self.experts], 1)
        return (gates[..., None] * each).sum(1).log()


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 4, (16,))
model = Mixture()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    F.nll_loss(model(x), y).backward()
    optimizer.step()
