# expected: unread
# A label smoothing of 1.0 leaves nothing of the labels.
# after: torchtest2, README, overfit_batch (targets do not match)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Linear(10, 3)
criterion = nn.CrossEntropyLoss(label_smoothing=1.0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)  # <- unread
    loss.backward()
    optimizer.step()
