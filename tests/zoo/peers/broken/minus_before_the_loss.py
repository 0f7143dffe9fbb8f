# expected: climbs
# -F.nll_loss: the sign was turned twice, so likelihood falls.
# after: torchtest2, README, overfit_batch (the loss does not fall)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn


def criterion(logits, labels):
    return -F.cross_entropy(logits, labels)  # <- climbs


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Linear(10, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
