# expected: ok
# Logging with .item() beside the loss.
import torch

model = torch.nn.Linear(4, 2)
wrt = model
log = []


def loss():
    total = model(torch.randn(3, 4)).square().mean()
    log.append(total.item())
    log.append(f"{total.detach():.3f}")
    return total
