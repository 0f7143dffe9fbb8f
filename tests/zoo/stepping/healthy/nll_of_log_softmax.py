# log_softmax once, then nll_loss; attention uses softmax inside.
import torch
from torch import nn


class Pointer(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.out = nn.Linear(6, 1), nn.Linear(6, 3)

    def forward(self, x):
        weight = torch.softmax(self.score(x), dim=1)
        return torch.log_softmax(self.out((weight * x).sum(1)), dim=-1)


torch.manual_seed(0)
model = Pointer()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.nll_loss(model(torch.randn(5, 4, 6)), torch.randint(3, (5,))).backward()
    optimizer.step()
