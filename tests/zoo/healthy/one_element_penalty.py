# expected: ok
# The sum of a loss of shape [1, 1], taken apart by unbind, and one that was logged.
import torch

model = torch.nn.Linear(6, 2)
wrt = model
data = torch.randn(7, 6)


def loss():
    output = model(data)
    fit, smooth = torch.stack([output.square().mean(), output.diff(dim=0).abs().mean()]).unbind()
    print("", end=f"{fit.item():.0f}"[:0])
    return fit.reshape(1, 1).squeeze(0) + 0.1 * smooth + 0.0123 * float(fit.detach())
