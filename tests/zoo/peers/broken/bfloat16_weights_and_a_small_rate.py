# expected: never_stepped
# In bfloat16 a step of this size rounds to nothing.
# after: TrainCheck, lightning-thunder-725 (precision); torchmortem, update ratio
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(8, 6).bfloat16(), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(6, 3, bias=False).bfloat16(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)  # <- never_stepped
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x).float(), y).backward()
    optimizer.step()
