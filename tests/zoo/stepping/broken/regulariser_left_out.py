# expected: never_differentiated
# The loss that goes backward was bound before the regulariser was added.
import torch
from torch import nn

model = nn.Linear(6, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(2):
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    data_loss = nn.functional.cross_entropy(model(x), y)
    sparsity = model.weight.abs().sum()
    loss = data_loss + 1e-4 * sparsity  # <- never_differentiated
    optimizer.zero_grad()
    data_loss.backward()
    optimizer.step()
    print(f"{loss:.2f}")
