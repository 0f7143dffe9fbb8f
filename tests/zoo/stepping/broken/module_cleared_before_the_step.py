# expected: cleared_early
# The same by the module's own zero_grad, with gradients set to zero and not to None.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train(batch):
    loss = (model(batch) - 1).square().mean()
    loss.backward()
    model.zero_grad(set_to_none=False)  # <- cleared_early
    optimizer.step()


for _ in range(2):
    train(torch.randn(5, 4))
