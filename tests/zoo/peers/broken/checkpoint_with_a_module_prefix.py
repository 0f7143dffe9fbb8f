# expected: overwritten
# The checkpoint comes from DataParallel, and strict=False swallows that no key fits.
# after: TrainCheck, pytorch-51800 (weights are not those that they should be)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def build():
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


def restore(model, state):
    model.load_state_dict(state, strict=False)  # <- overwritten
    return model


torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
saved = nn.DataParallel(build()).state_dict()
model, criterion = restore(build(), saved), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
