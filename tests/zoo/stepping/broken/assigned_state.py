# expected: stale
# load_state_dict(assign=True) puts the loaded tensors in the place of those that the optimizer holds.
import torch
from torch import nn

model = nn.Linear(5, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
saved = {name: value.clone() + 1 for name, value in model.state_dict().items()}
model.load_state_dict(saved, assign=True)  # <- stale
for _ in range(2):
    loss = model(torch.randn(4, 5)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
