# expected: overwritten
# The same, name by name: .cpu() of a tensor that lies there already gives the tensor itself.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
best, lowest = {}, float("inf")
for _ in range(4):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
    loss.backward()
    optimizer.step()
    if loss.item() < lowest:
        lowest = loss.item()
        for name, value in model.state_dict().items():  # <- overwritten
            best[name] = value.detach().cpu()
model.load_state_dict(best)
