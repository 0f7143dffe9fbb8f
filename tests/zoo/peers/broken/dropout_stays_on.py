# expected: mode_flips
# F.dropout without training=self.training drops in evaluation too.
# after: torchtest2, README, gallery 9; TrainCheck, transformers-33844
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(32, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.fc2(F.dropout(F.relu(self.fc1(x)), p=0.2))  # <- mode_flips


torch.manual_seed(0)
x, y = torch.randn(16, 32), torch.randint(0, 10, (16,))
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
