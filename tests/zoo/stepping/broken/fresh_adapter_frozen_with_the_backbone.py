# expected: trained_or_frozen_by_mistake
# The adapter is put in before everything is frozen, and only the head is opened again.
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.adapter = None

    def forward(self, x):
        x = torch.tanh(self.linear(x))
        return x if self.adapter is None else x + self.adapter(x)


torch.manual_seed(0)
state = nn.Sequential(Block(), Block(), nn.Linear(6, 2)).state_dict()
model = nn.Sequential(Block(), Block(), nn.Linear(6, 2))
model.load_state_dict(state)
for block in model[:2]:
    block.adapter = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6))  # <- trained_or_frozen_by_mistake
for parameter in model.parameters():
    parameter.requires_grad = False
model[2].requires_grad_(True)
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()))
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(5, 6)), torch.randint(2, (5,))).backward()
    optimizer.step()
