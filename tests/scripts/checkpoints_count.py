# Stretches that are computed a second time for the backward pass, and not a third.
import torch
from torch.utils.checkpoint import checkpoint

counts = {True: 0, False: 0}


class Block(torch.nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.reentrant = reentrant
        self.linear = torch.nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        counts[self.reentrant] += 1
        out = torch.nn.functional.dropout(self.linear(x).tanh(), 0.2)
        with torch.no_grad():
            self.mean.mul_(0.9).add_(out.mean(0), alpha=0.1)
        return out


blocks = torch.nn.ModuleList([Block(True), Block(False)])
head = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD([*blocks.parameters(), *head.parameters()], lr=0.1)
for _ in range(4):
    x = torch.randn(5, 4, requires_grad=True)
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=block.reentrant)
    loss = head(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(counts, [block.mean.tolist() for block in blocks], blocks[0].linear.weight.tolist(), head.weight.tolist())
