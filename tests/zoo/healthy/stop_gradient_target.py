# expected: ok
# A bootstrapped target, detached on purpose.
import torch

model = torch.nn.Linear(4, 1)
wrt = model


def loss():
    now, after = torch.randn(6, 4), torch.randn(6, 4)
    target = 1 + 0.9 * model(after).detach()
    return (model(now) - target).square().mean()
