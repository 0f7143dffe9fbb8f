# expected: samples_mixed
# MultiheadAttention without batch_first reads the batch as the sequence.
# after: torchtest2, README, gallery 3
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, dim=16, heads=4):
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads)
        self.out = nn.Linear(dim, 3)

    def forward(self, x):
        hidden, _ = self.attention(x, x, x)  # <- samples_mixed
        return self.out(hidden.mean(1))


torch.manual_seed(0)
x, y = torch.randn(4, 6, 16), torch.randint(0, 3, (4,))
model, criterion = Encoder(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
