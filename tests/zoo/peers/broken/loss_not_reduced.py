# expected: suspicious_shape
# reduction="none" is left in: backward() wants a scalar.
# after: torchtest2, README, gallery 10
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss(reduction="none")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()  # <- suspicious_shape
    optimizer.step()
