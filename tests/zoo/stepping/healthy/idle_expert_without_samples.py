# A sparse mixture sends each sample to its best expert: one that gets none in this batch has nothing to learn from.
import torch
from torch import nn

torch.manual_seed(0)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(4, 3)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)) for _ in range(3))
        nn.init.constant_(self.gate.bias[2:], -20.0)

    def forward(self, inputs):
        weights = self.gate(inputs).softmax(1)
        best, which = weights.max(1)
        order = which.argsort()
        sizes = torch.bincount(which, minlength=3).tolist()
        parts = [expert(part) for expert, part in zip(self.experts, inputs[order].split(sizes), strict=True)]
        return torch.cat(parts) * best[order].unsqueeze(1), order


model = Mixture()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(3):
    inputs, targets = torch.randn(16, 4), torch.randn(16, 2)
    outputs, order = model(inputs)
    loss = (outputs - targets[order]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
