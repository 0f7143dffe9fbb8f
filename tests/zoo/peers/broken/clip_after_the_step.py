# expected: changed_too_late
# Gradients are clipped when the step is done.
# after: mldoct, missing clipping; TrainCheck, deepspeed-1801 (clipping)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(0)
x, y = torch.randn(9, 4, 6), torch.randn(9, 6)
model, criterion = nn.GRU(6, 6), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    out, _ = model(x)
    loss = criterion(out[:, -1], y)
    loss.backward()
    optimizer.step()
    clip_grad_norm_(model.parameters(), 0.5)  # <- changed_too_late
