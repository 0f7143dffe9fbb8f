# A network that is loaded for its state alone, which is changed and loaded into another one: nothing of it is lost.
import torch
from torch import nn


def net():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


saved = {name: value * 0.5 for name, value in net().state_dict().items()}
model = net()
model.load_state_dict(saved)
state = {name: value + 0.1 * torch.randn_like(value) for name, value in model.state_dict().items()}
model = net()
model.load_state_dict(state)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), x.argmax(1) % 3).backward()
    optimizer.step()
