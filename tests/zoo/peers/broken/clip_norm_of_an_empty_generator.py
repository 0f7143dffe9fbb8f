# expected: changed_too_late
# The parameters are an iterator that the optimizer has used up.
# after: mldoct, missing clipping
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
parameters = filter(lambda p: p.requires_grad, model.parameters())
optimizer = torch.optim.SGD(parameters, lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)  # <- changed_too_late
    optimizer.step()
