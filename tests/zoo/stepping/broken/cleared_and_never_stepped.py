# expected: never_stepped
# The critic's optimizer is made and cleared in each round, and its step() is forgotten.
import torch
from torch import nn

torch.manual_seed(0)
features, labels, critic = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 2)
model = nn.ModuleList([features, labels, critic])
slow = torch.optim.SGD([*features.parameters(), *labels.parameters()], lr=0.1)
fast = torch.optim.SGD(critic.parameters(), lr=0.1)
for _ in range(12):
    x, y, domain = torch.randn(8, 6), torch.randint(3, (8,)), torch.randint(2, (8,))
    code = features(x).relu()
    loss = nn.functional.cross_entropy(labels(code), y) + nn.functional.cross_entropy(critic(code), domain)
    slow.zero_grad()
    fast.zero_grad()
    loss.backward()
    slow.step()  # <- never_stepped
