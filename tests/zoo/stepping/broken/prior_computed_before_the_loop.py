# expected: stale
# A mixture's shares are computed before the loop; retain_graph=True silences the error that would have told.
import torch
from torch import nn

torch.manual_seed(0)
scores = nn.Parameter(torch.zeros(3))
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam([scores, *model.parameters()], lr=0.05)
shares = scores.softmax(0)  # <- stale
for _ in range(3):
    inputs = torch.randn(16, 4)
    loss = -(shares * model(inputs).softmax(1)).sum(1).log().mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
