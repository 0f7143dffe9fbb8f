# expected: suspicious_shape
# The model's forward ends with a sigmoid, and the loss is BCEWithLogitsLoss.
# after: torchtest2, README, output_range (sigmoid applied twice)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 12), nn.Tanh())
        self.out = nn.Linear(12, 1)

    def forward(self, x):
        return torch.sigmoid(self.out(self.body(x))).squeeze(1)  # <- suspicious_shape


torch.manual_seed(0)
x, y = torch.randn(16, 12), torch.randint(0, 2, (16,)).float()
model, criterion = Detector(), nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
