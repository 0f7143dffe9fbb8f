# expected: state_not_restored
# The checkpoint has Adam's moments, and only the model's weights are read back.
# after: TrainCheck, paper: state that is not restored
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import io

import torch
from torch import nn


def step(model, optimizer, criterion, x, y):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
criterion, file = nn.CrossEntropyLoss(), io.BytesIO()
before = nn.Linear(10, 3)
adam = torch.optim.Adam(before.parameters())
step(before, adam, criterion, x, y)
torch.save({"model": before.state_dict(), "optimizer": adam.state_dict()}, file)
file.seek(0)
model = nn.Linear(10, 3)
optimizer = torch.optim.Adam(model.parameters())
checkpoint = torch.load(file)
model.load_state_dict(checkpoint["model"])  # <- state_not_restored
for _ in range(3):
    step(model, optimizer, criterion, x, y)
