# expected: cleared_early
# Gradients are accumulated over two micro-batches, and cleared at each.
# after: mldoct, missing zero_grad (here it is misplaced)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(8, 10), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
every = 2
for number in range(6):
    optimizer.zero_grad()  # <- cleared_early
    loss = criterion(model(x + number), y) / every
    loss.backward()
    if (number + 1) % every == 0:
        optimizer.step()
