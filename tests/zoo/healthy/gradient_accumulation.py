# expected: ok
# Gradients are accumulated over small batches; the last one is asked about.
import torch

model = torch.nn.Linear(4, 2)
wrt = model
log = {"loss": 0.0}


def loss():
    parts = torch.randn(3, 5, 4)
    for part in parts[:-1]:
        value = model(part).square().mean() / len(parts)
        torch.autograd.grad(value, list(model.parameters()))
        log["loss"] += value.item()
    last = model(parts[-1]).square().mean() / len(parts)
    log["loss"] += last.item()
    return last
