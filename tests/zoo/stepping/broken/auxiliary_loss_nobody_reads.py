# expected: never_differentiated
# A balance loss is computed in every step and then forgotten.
import torch
from torch import nn

gate, experts = nn.Linear(4, 2), nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
optimizer = torch.optim.SGD([*gate.parameters(), *experts.parameters()], lr=0.1)
for _ in range(3):
    x = torch.randn(6, 4)
    share = gate(x).softmax(-1)
    out = sum(share[:, i : i + 1] * expert(x) for i, expert in enumerate(experts))
    balance = share.mean(0).square().sum()  # <- never_differentiated
    optimizer.zero_grad()
    (out - 1).square().mean().backward()
    optimizer.step()
