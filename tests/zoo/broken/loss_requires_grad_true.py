# expected: detach new_leaf
# The error is silenced with loss.requires_grad = True; the cut is the .data before it.
# thread: pytorch/pytorch#92586, ronghuaiyang/arcface-pytorch#56
import torch

model = torch.nn.Linear(4, 1)
wrt = model


def loss():
    output = model(torch.randn(3, 4)).data  # <- detach
    total = (output - 1).square().mean()
    total.requires_grad = True  # <- new_leaf
    return total
