# expected: overwritten
# The file was written by a wrapped model: every key begins with "module.", and strict=False hides it.
import torch
from torch import nn

torch.manual_seed(0)
saved = {f"module.{name}": value for name, value in nn.GRUCell(4, 6).state_dict().items()}
model = nn.GRUCell(4, 6)
optimizer = torch.optim.Adam(model.parameters())
model.load_state_dict(saved, strict=False)  # <- overwritten
for _ in range(3):
    state = torch.zeros(3, 6)
    for _ in range(4):
        state = model(torch.randn(3, 4), state)
    optimizer.zero_grad()
    state.square().mean().backward()
    optimizer.step()
