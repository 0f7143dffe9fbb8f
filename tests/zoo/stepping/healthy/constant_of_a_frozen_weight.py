# What is computed once is of a weight that no optimizer holds, and stays as it is.
import torch
from torch import nn

torch.manual_seed(0)
table = torch.randn(3, 4)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
prior = table.softmax(1)
for _ in range(3):
    loss = (model(torch.randn(8, 4)) @ prior).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
