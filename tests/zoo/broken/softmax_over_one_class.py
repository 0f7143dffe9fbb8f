# expected: zero_gradient
# softmax over an axis of one: always 1.
import torch

model = torch.nn.Linear(4, 1)
wrt = model


def loss():
    probability = torch.softmax(model(torch.randn(3, 4)), dim=-1)  # <- zero_gradient
    return (probability - 0.5).square().mean()
