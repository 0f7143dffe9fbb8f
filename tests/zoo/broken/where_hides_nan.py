# expected: non_finite
# torch.where hides the NaN in the forward; in the backward it comes back.
import torch

value = torch.tensor([0.0, 1.0], requires_grad=True)
wrt = {"value": value}


def loss():
    logs = torch.log(value)  # <- non_finite
    return torch.where(value > 0, logs, torch.zeros_like(value)).sum()
