# nll_loss of log-probabilities is used to pick the taken action's, times an advantage.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 4, (16,))
advantages = torch.randn(16)
model = nn.Linear(10, 4)


def criterion(logits, actions):
    return (F.nll_loss(F.log_softmax(logits, -1), actions, reduction="none") * advantages).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
