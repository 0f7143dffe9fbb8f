# expected: changed_too_late
# parameters() is an iterator: the optimizer has read it to its end.
import torch
from torch import nn

model = nn.Linear(4, 2)
parameters = model.parameters()
optimizer = torch.optim.SGD(parameters, lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    nn.utils.clip_grad_norm_(parameters, 0.5)  # <- changed_too_late
    optimizer.step()
