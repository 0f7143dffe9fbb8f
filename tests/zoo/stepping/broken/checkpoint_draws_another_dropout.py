# expected: wrong_value
# To save the copies of the generator's state it is not kept: what is computed again has other units dropped.
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.drop, self.out = nn.Linear(width, 16), nn.Dropout(0.3), nn.Linear(16, width)

    def forward(self, x):
        return x + self.out(self.drop(self.inner(x).relu()))


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block(6) for _ in range(2))

    def forward(self, x):
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)  # <- wrong_value
        return x


model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(8, 6)).square().mean().backward()
    optimizer.step()
