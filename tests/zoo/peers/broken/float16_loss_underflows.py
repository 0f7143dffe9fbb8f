# expected: zero_gradient
# A float16 network without a GradScaler: the small term's gradient is zero.
# after: TrainCheck, lightning-thunder-725 (precision)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 16), nn.Linear(16, 1)

    def forward(self, x):
        hidden = torch.tanh(self.fc1(x))
        return self.fc2(hidden) * 1e-7  # <- zero_gradient


torch.manual_seed(0)
x, y = torch.randn(64, 8).half(), torch.zeros(64, 1)
model, criterion = Net().half(), lambda out, target: (out - target.half()).abs().mean()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
