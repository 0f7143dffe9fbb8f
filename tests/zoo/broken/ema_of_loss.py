# expected: detach
# A smoothed loss keeps only the detached part of the new value.
import torch

model = torch.nn.Linear(4, 3)
wrt = model
average = torch.zeros(())


def loss():
    now = model(torch.randn(6, 4)).square().mean()
    return 0.9 * average + 0.1 * now.detach()  # <- detach
