# A sparse autoencoder whose decoder begins as the encoder turned round and learns by itself; one that has one matrix.
import torch
from torch import nn


class Sparse(nn.Module):
    def __init__(self, size, codes):
        super().__init__()
        self.enters = nn.Parameter(torch.randn(size, codes) / size**0.5)
        self.leaves = nn.Parameter(self.enters.detach().T.clone())  # untied: the same only in the beginning

    def forward(self, x):
        return torch.relu(x @ self.enters) @ self.leaves


class Single(nn.Module):
    def __init__(self, size, codes):
        super().__init__()
        self.enters = nn.Linear(size, codes)

    def forward(self, x):
        return nn.functional.linear(self.enters(x), self.enters.weight.T)


torch.manual_seed(0)
model = nn.ModuleList([Sparse(6, 10), Single(6, 3)])
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(3):
    x = torch.randn(16, 6)
    optimizer.zero_grad()
    sum(nn.functional.mse_loss(one(x), x) for one in model).backward()
    optimizer.step()
