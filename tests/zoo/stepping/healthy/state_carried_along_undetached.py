# A state that is carried along undetached: each loss goes back through all steps before it, on purpose.
import torch
from torch import nn

torch.manual_seed(0)
shift = nn.Parameter(torch.zeros(3))
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD([shift, *model.parameters()], lr=0.1)
state = torch.zeros(3)
for _ in range(3):
    state = state + shift
    loss = (model(torch.randn(8, 4)) + state).square().mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
