# expected: non_finite
# The gradient becomes NaN only once the learnt variance has fallen below zero.
# after: torchtest2, README, gallery 11
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class NoisyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.var = nn.Parameter(torch.tensor(0.05))

    def forward(self, x):
        logits = self.fc(x)
        std = torch.where(self.var > 0, torch.sqrt(self.var), torch.zeros_like(self.var))  # <- non_finite
        return logits + std * 3.0


torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.randn(16, 4) - 2
model, criterion = NoisyNet(), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
