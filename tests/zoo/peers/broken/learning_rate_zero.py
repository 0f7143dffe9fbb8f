# expected: never_stepped
# lr=0.0 from a configuration.
# after: torchtest2, README, params_change (lr=0)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
config = {"lr": 0.0, "weight_decay": 0.01}
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), **config)  # <- never_stepped
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
