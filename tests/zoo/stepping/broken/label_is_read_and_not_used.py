# expected: unread
# The loss compares the prediction with the input it was made of; the labels of the loader stay unused.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
optimizer = torch.optim.Adam(model.parameters())


def criterion(prediction, target, inputs):  # <- unread
    return (prediction - inputs).abs().mean()


for _ in range(3):
    inputs, target = torch.randn(6, 4), torch.randn(6, 4)
    optimizer.zero_grad()
    loss = criterion(model(inputs), target, inputs)
    loss.backward()
    optimizer.step()
