# expected: cleared_early
# zero_grad stands between backward and step: nothing is learnt.
# after: TrainCheck, success story 2 (gradients are computed and not applied)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def train(model, optimizer, criterion, x, y):
    model.train()
    for _ in range(3):
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.zero_grad()  # <- cleared_early
        optimizer.step()


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train(model, optimizer, criterion, x, y)
