# expected: never_stepped
# scheduler.step() is called, optimizer.step() is not.
# after: torchdiag, verify_step (parameters do not change)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # <- never_stepped
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    scheduler.step()
