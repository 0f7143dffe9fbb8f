# expected: frozen
# All but the norms are frozen, the new head too, and the optimizer was given the head.
# after: TrainCheck, pytorch-forum-84911; torchdiag, all parameters frozen
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().mean(-1))


torch.manual_seed(0)
x, y = torch.randn(8, 3, 12), torch.randint(0, 5, (8,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.fc.parameters(), lr=1e-3)
for name, parameter in model.named_parameters():
    if "bn" not in name:
        parameter.requires_grad = False  # <- frozen
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
