# expected: grad_disabled
# The encoder runs under no_grad, left from a time when it was frozen.
# after: torchtest2, README, gallery 2
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(10, 20), nn.GELU())
        self.out = nn.Linear(20, 4)

    def forward(self, x):
        with torch.no_grad():
            hidden = self.encoder(x)  # <- grad_disabled
        return self.out(hidden)


torch.manual_seed(1)
x, y = torch.randn(6, 10), torch.randint(0, 4, (6,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
