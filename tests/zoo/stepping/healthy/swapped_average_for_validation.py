# The averaged weights are put in for validation, and the trained ones come back.
import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

model = nn.Linear(4, 1)
average = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
    average.update_parameters(model)
    kept = copy.deepcopy(model.state_dict())
    model.load_state_dict(average.module.state_dict())
    with torch.no_grad():
        score = model(torch.randn(6, 4)).mean().item()
    model.load_state_dict(kept)
