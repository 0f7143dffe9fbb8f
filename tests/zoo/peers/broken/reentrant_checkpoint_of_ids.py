# expected: grad_disabled
# A reentrant checkpoint whose inputs need no gradient gives its module none.
# after: TorchFix, TOR003
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(10, 16), nn.ReLU())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        hidden = checkpoint(self.stem, x, use_reentrant=True)  # <- grad_disabled
        return self.head(hidden)


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
