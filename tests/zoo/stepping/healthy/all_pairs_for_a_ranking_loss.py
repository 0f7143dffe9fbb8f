# Each score is held against each other one: the axes are opened on purpose.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(5, 1)
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    x, grade = torch.randn(7, 5), torch.randint(4, (7,))
    score = model(x)
    difference = score - score.T
    better = (grade[:, None] > grade[None, :]).float()
    loss = (nn.functional.softplus(-difference) * better).sum() / better.sum().clamp(min=1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
