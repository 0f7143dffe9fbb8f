# expected: ties_apart
# "Tied" by the values of the encoder, turned round: from the first step on there are two matrices.
import torch
from torch import nn


class TiedCoder(nn.Module):
    def __init__(self, size, codes):
        super().__init__()
        self.enters = nn.Linear(size, codes)
        self.leaves = nn.Linear(codes, size)
        self.leaves.weight = nn.Parameter(self.enters.weight.detach().T.clone())  # <- ties_apart

    def forward(self, x):
        return self.leaves(torch.relu(self.enters(x)))


torch.manual_seed(0)
model = TiedCoder(8, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for _ in range(3):
    x = torch.randn(16, 8)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
