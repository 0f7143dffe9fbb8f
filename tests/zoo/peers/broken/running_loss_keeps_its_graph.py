# expected: nothing
# total_loss += loss keeps every graph alive; the gradients are right.
# after: mldoct, OOM sentinel
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randn(16, 1)
model, criterion = nn.Linear(10, 1), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
total_loss = 0
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    total_loss += loss  # <- nothing
print(float(total_loss))
