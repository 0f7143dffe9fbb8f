# The model's own state is changed in place, its rows one by one, and loaded: the loading is only for show.
import torch
from torch import nn

model = nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 2))
state = model.state_dict()
state["0.weight"][3] = 0.0
state["1.bias"][:1] += 1.0
model.load_state_dict(state)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randint(0, 6, (8,))).square().mean().backward()
    optimizer.step()
