# expected: integer_cast
# A predicted length is cast to whole numbers before it is compared.
import torch

model = torch.nn.Linear(4, 1)
wrt = model


def loss():
    length = model(torch.randn(3, 4)).exp().long()  # <- integer_cast
    return (length - 3).float().abs().mean()
