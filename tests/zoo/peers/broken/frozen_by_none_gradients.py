# expected: cleared_early
# After the warm-up the gradients are set to None before the step, and so for ever.
# after: TrainCheck, pytorch-115607 (frozen by gradients set to None)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
frozen = True
for _ in range(3):
    loss = criterion(model(x), y)
    loss.backward()
    if frozen:
        for parameter in model.parameters():
            parameter.grad = None  # <- cleared_early
    optimizer.step()
