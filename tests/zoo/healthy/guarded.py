# expected: ok
# A guard in front of a loss that learns: it raises on NaN and stops no gradient.
import torch

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    output = model(torch.randn(6, 4))
    if not torch.isfinite(output.detach()).all():
        raise ValueError("the output is not finite")
    if bool((output.detach().abs() > 1e6).any()):
        raise ValueError("the output explodes")
    return {"fit": (output - 1).square().mean(), "size": output.abs().mean()}
