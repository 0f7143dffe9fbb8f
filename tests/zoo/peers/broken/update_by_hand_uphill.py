# expected: climbs
# A hand-written descent adds the gradient.
# after: torchtest2, README, overfit_batch (the loss does not fall)
# peers: model=model optimizer=None inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randn(16, 1)
model, criterion = nn.Linear(10, 1), nn.MSELoss()
for _ in range(3):
    model.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * parameter.grad  # <- climbs
