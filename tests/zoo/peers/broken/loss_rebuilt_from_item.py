# expected: left_torch
# torch.tensor(loss.item()) has no history, and requires_grad_() hides the error.
# after: torchtest2, README, gallery 10
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def criterion(outputs, targets):
    losses = [(o - t).square().mean().item() for o, t in zip(outputs, targets)]  # <- left_torch
    return torch.tensor(losses, requires_grad=True).mean()


torch.manual_seed(0)
x, y = torch.randn(5, 3), torch.randn(5, 2)
model = nn.Linear(3, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
