# expected: mode_flips
# After the first validation the model stays in eval mode.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def validate():
    model.eval()  # <- mode_flips
    with torch.no_grad():
        return model(torch.randn(8, 4)).mean().item()


model.train()
for _ in range(3):
    optimizer.zero_grad()
    (model(torch.randn(8, 4)) - 1).square().mean().backward()
    optimizer.step()
    validate()
