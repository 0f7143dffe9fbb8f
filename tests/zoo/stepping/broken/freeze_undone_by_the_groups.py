# expected: trained_or_frozen_by_mistake
# The first layers are frozen, and the loop that sorts parameters into groups switches all of them on again.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
for name, parameter in model.named_parameters():
    if name.startswith(("0.", "2.")):
        parameter.requires_grad = False
decayed, plain = [], []
for name, parameter in model.named_parameters():
    parameter.requires_grad_(True)  # <- trained_or_frozen_by_mistake
    (plain if name.endswith("bias") else decayed).append(parameter)
groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain}]
optimizer = torch.optim.SGD(groups, lr=0.1)
for _ in range(3):
    loss = nn.functional.cross_entropy(model(torch.randn(6, 4)), torch.randint(0, 2, (6,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
