# expected: ok
# In-place writes into a buffer, and views.
import torch

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    buffer = torch.zeros(5, 3)
    for row, data in enumerate(torch.randn(5, 4)):
        buffer[row] = model(data)
    buffer[:, 0].mul_(2)
    return buffer.view(-1).square().mean()
