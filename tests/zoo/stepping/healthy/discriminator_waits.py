# The discriminator joins in after a thousand steps; until then its optimizer does not step.
import torch
from torch import nn

coder, judge = nn.Linear(6, 6), nn.Linear(6, 1)
opt_c = torch.optim.Adam(coder.parameters(), lr=1e-3)
opt_j = torch.optim.Adam(judge.parameters(), lr=1e-3)
for step in range(3):
    x = torch.randn(8, 6)
    y = coder(x)
    loss = (y - x).abs().mean()
    if step >= 1000:
        loss = loss - judge(y).mean()
    opt_c.zero_grad()
    loss.backward()
    opt_c.step()
    if step >= 1000:
        opt_j.zero_grad()
        (judge(y.detach()) - judge(x)).mean().backward()
        opt_j.step()
