# expected: changed_too_late
# The clipping comes after the step that it should have tamed.
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

model = nn.GRU(3, 5, batch_first=True)
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for _ in range(2):
    loss = model(torch.randn(2, 6, 3))[0].square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    clip_grad_norm_(model.parameters(), max_norm=1.0)  # <- changed_too_late
