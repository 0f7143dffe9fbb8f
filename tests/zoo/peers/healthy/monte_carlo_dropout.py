# Dropout at test time on purpose: the mean of several passes under no_grad.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def uncertainty(model, x, passes=4):
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    with torch.no_grad():
        return torch.stack([model(x) for _ in range(passes)]).std(0).mean().item()


torch.manual_seed(0)
x, y = torch.randn(16, 12), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    model.train()
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    print(uncertainty(model, x))
