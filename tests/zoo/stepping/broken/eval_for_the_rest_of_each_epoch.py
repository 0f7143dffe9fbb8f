# expected: mode_flips
# Validated in the middle of an epoch, and back in training mode only when the next one begins.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def validate():
    model.eval()  # <- mode_flips
    with torch.no_grad():
        return model(torch.randn(16, 4)).argmax(1).float().mean()


for _ in range(2):
    model.train()
    for batch in range(6):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
        optimizer.step()
        if batch == 2:
            validate()
