# expected: overwritten
# What fits of the pretrained weights is put into the model's own state; nothing fits, and its own state is loaded.
import torch
from torch import nn

pretrained = {f"backbone.{name}": value for name, value in nn.Linear(4, 3).state_dict().items()}
model = nn.Linear(4, 3)
state = model.state_dict()
state.update({name: value for name, value in pretrained.items() if name in state})
model.load_state_dict(state)  # <- overwritten
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
