# Both terms are in the sum that goes backward; each is printed as well.
import torch
from torch import nn

model = nn.Linear(6, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(2):
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    fit = nn.functional.cross_entropy(model(x), y)
    sparsity = model.weight.abs().sum()
    loss = fit + 1e-4 * sparsity
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(fit.item(), sparsity.item())
