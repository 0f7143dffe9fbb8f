# Attention over the instances of one bag: the softmax runs over the first axis, and that is not the batch.
import torch
from torch import nn


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.out = nn.Linear(6, 2), nn.Linear(12, 3)

    def forward(self, instances):
        weight = torch.softmax(self.score(instances), dim=0)
        return self.out((weight.T @ instances).flatten())[None]


torch.manual_seed(0)
model = Bag()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(7, 6)), torch.randint(3, (1,))).backward()
    optimizer.step()
