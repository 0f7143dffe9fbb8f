# expected: never_stepped
# LambdaLR with integer division: the factor is 0 for the whole warm-up, and the warm-up is the whole run.
# after: torchtest2, README, params_change (lr=0)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # <- never_stepped
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // 1000)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    scheduler.step()
