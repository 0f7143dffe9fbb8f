# Settings in batches, a schedule of its own for each fold, and one step an epoch.
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR, StepLR

epochs, batches = 3, torch.randn(4, 8, 4)
model = nn.Linear(4, 1)
for _ in range(2):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cosine = CosineAnnealingLR(optimizer, T_max=epochs * len(batches))
    for _ in range(epochs):
        for batch in batches:
            optimizer.zero_grad()
            model(batch).square().mean().backward()
            optimizer.step()
            cosine.step()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
steps, milestones = StepLR(optimizer, step_size=2, gamma=0.9), MultiStepLR(optimizer, [1, 2], gamma=0.9)
for _ in range(epochs):
    for batch in batches:
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
    steps.step()
    milestones.step()
