# expected: samples_mixed
# Attention weights are normalised over dim 0, the batch.
# after: torchtest2, README, gallery 3
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(8, 1)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        weights = torch.softmax(self.score(x), dim=0)  # <- samples_mixed
        return self.out((weights * x).sum(1))


torch.manual_seed(0)
x, y = torch.randn(5, 7, 8), torch.randint(0, 2, (5,))
model, criterion = Pool(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
