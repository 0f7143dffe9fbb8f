# expected: never_stepped
# The rate is to fall every second epoch, and falls every second batch.
import torch
from torch import nn

settings = {"epochs": 4, "every": 2}
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=settings["every"], gamma=0.1)
for _ in range(settings["epochs"]):
    for batch in torch.randn(3, 8, 4):
        optimizer.zero_grad()
        (model(batch) - batch.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
        scheduler.step()  # <- never_stepped
