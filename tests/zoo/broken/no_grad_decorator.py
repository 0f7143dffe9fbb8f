# expected: grad_disabled
# A metric decorated with no_grad is used as a loss.
import torch

model = torch.nn.Linear(4, 4)
wrt = model


@torch.no_grad()
def perceptual(output, target):
    return (output.tanh() - target).abs().mean()  # <- grad_disabled


def loss():
    return perceptual(model(torch.randn(2, 4)), torch.randn(2, 4))
