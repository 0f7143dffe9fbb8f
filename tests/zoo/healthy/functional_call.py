# expected: ok
# torch.func.functional_call with live weights.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    weights = {name: value * 1.0 for name, value in model.named_parameters()}
    return torch.func.functional_call(model, weights, (torch.randn(3, 4),)).square().mean()
