# expected: detach
# The old .data in forward: the backbone stays as it was made.
# after: torchtest2, README, gallery 2
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(32, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        features = self.backbone(x).data  # <- detach
        return self.head(F.relu(features))


torch.manual_seed(0)
x, y = torch.randn(16, 32), torch.randint(0, 10, (16,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
