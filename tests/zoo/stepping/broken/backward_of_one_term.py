# expected: never_differentiated
# The total is printed, and backward() is called on the first of its two terms.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    out = model(torch.randn(3, 4))
    fit = (out - 1).square().mean()
    smooth = (out[1:] - out[:-1]).abs().mean()
    total = fit + 0.1 * smooth  # <- never_differentiated
    optimizer.zero_grad()
    fit.backward()
    optimizer.step()
    history = total.item()
