# Monte Carlo dropout: `training` is True by position, in evaluation as well.
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(5, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.two(F.dropout(torch.relu(self.one(x)), 0.3, True))


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    optimizer.zero_grad()
    F.mse_loss(model(torch.randn(8, 5)), torch.randn(8, 1)).backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        spread = torch.stack([model(torch.ones(2, 5)) for _ in range(3)]).std(0)
    model.train()
