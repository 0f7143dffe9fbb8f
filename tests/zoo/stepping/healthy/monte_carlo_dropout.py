# Dropout stays on in evaluation on purpose: its own class says so in every mode.
import torch
from torch import nn
from torch.nn import functional as F


class AlwaysDrop(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.2, training=True)


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), AlwaysDrop(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    model.train()
    optimizer.zero_grad()
    F.mse_loss(model(torch.randn(8, 4)), torch.randn(8, 1)).backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        torch.stack([model(torch.randn(2, 4)) for _ in range(3)]).std(0)
