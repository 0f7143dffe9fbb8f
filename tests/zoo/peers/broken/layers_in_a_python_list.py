# expected: not_held
# The blocks stand in a plain list, so parameters() does not know them.
# after: torchtest2, README, params_change (layers that nobody trains)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Deep(nn.Module):
    def __init__(self, width=8, depth=3):
        super().__init__()
        self.blocks = [nn.Linear(width, width) for _ in range(depth)]  # <- not_held
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x).relu()
        return self.out(x)


torch.manual_seed(0)
x, y = torch.randn(8, 8), torch.randint(0, 2, (8,))
model, criterion = Deep(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
