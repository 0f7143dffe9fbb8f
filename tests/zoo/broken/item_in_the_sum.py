# expected: left_torch
# A term is added as .item(): right value, no gradient.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(3, 4))
    sparsity = output.abs().mean().item()  # <- left_torch
    return {"fit": (output - 1).square().mean(), "sparsity": sparsity}
