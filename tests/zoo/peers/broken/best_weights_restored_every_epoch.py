# expected: overwritten
# The best checkpoint is put back at each epoch's end, and it is never written anew.
# after: TrainCheck, success story 2 (updates are undone)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import copy

import torch
from torch import nn


def one_epoch(model, optimizer, criterion, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best, best_loss = copy.deepcopy(model.state_dict()), 0.0
for _ in range(3):
    loss = one_epoch(model, optimizer, criterion, x, y)
    if loss < best_loss:
        best, best_loss = copy.deepcopy(model.state_dict()), loss
    model.load_state_dict(best)  # <- overwritten
