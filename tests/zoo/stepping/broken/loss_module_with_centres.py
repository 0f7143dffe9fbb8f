# expected: not_held
# A loss with learnable centres: the criterion's own parameters are forgotten.
import torch
from torch import nn


class CentreLoss(nn.Module):
    def __init__(self, classes, width):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, width))

    def forward(self, features, labels):
        return (features - self.centres[labels]).square().sum(1).mean()


encoder, criterion = nn.Linear(5, 3), CentreLoss(4, 3)
optimizer = torch.optim.SGD(encoder.parameters(), lr=0.05)  # <- not_held
for _ in range(2):
    loss = criterion(encoder(torch.randn(6, 5)), torch.randint(0, 4, (6,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
