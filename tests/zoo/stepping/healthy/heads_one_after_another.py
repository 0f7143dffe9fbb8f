# Four heads, and a helper whose one line goes backward through the loss of each in turn.
import torch
from torch import nn

torch.manual_seed(0)
trunk, heads = nn.Linear(4, 6), nn.ModuleList(nn.Linear(6, 1) for _ in range(4))
model = nn.ModuleList([trunk, heads])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def add_gradient(loss):
    loss.backward(retain_graph=True)


for _ in range(3):
    features = trunk(torch.randn(5, 4)).tanh()
    optimizer.zero_grad()
    for head in heads:
        add_gradient(nn.functional.mse_loss(head(features), torch.randn(5, 1)))
    optimizer.step()
