# expected: not_cleared
# Every gradient since the start is in every step.
import torch
from torch import nn

model = nn.Linear(7, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for _ in range(4):
    loss = nn.functional.cross_entropy(model(torch.randn(5, 7)), torch.randint(0, 3, (5,)))
    loss.backward()  # <- not_cleared
    optimizer.step()
