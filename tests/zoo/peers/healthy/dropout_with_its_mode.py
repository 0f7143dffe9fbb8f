# Functional dropout that follows the module's mode, and a validation between the epochs.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.norm = nn.Linear(12, 16), nn.Linear(16, 3), nn.BatchNorm1d(16)

    def forward(self, x):
        hidden = F.dropout(F.relu(self.norm(self.fc1(x))), p=0.2, training=self.training)
        return self.fc2(hidden)


torch.manual_seed(0)
x, y = torch.randn(16, 12), torch.randint(0, 3, (16,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    model.train()
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        print(criterion(model(x), y).item())
