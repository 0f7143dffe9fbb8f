# expected: constant
# An early return gives a fresh 0.0 when nothing is masked.
# thread: pytorch/torchtune, knowledge-distillation losses
import torch

model = torch.nn.Linear(4, 4)
wrt = model


def masked_loss(output, mask):
    if not mask.any():
        return torch.tensor(0.0)  # <- constant
    return output[mask].square().mean()


def loss():
    return masked_loss(model(torch.randn(2, 4)), torch.zeros(2, dtype=torch.bool))
