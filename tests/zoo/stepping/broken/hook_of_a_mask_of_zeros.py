# expected: zero_gradient
# Pruned weights are to stay where they are; the mask was made of zeros and never filled in.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
mask = torch.zeros(6, 4)
model[0].weight.register_hook(lambda gradient: gradient * mask)  # <- zero_gradient
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
    optimizer.step()
