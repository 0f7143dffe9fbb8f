# expected: not_held
# A parameter at module level, used by the loss and given to nobody.
import torch
from torch import nn


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return (x * (x @ self.query).softmax(-1).unsqueeze(-1)).sum(1)


body, pool, head = nn.Linear(3, 4), Pool(), nn.Linear(4, 2)
optimizer = torch.optim.AdamW(list(body.parameters()) + list(head.parameters()))  # <- not_held
for _ in range(2):
    loss = nn.functional.cross_entropy(head(pool(body(torch.randn(5, 7, 3)))), torch.randint(0, 2, (5,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
