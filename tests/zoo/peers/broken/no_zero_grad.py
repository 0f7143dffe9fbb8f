# expected: not_cleared
# A loop without zero_grad.
# after: mldoct, missing zero_grad
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randn(16, 1)
model, criterion = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1)), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(3):
    loss = criterion(model(x), y)
    loss.backward()  # <- not_cleared
    optimizer.step()
