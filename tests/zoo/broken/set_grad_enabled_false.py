# expected: grad_disabled
# set_grad_enabled(train) with the flag the wrong way round.
import torch

model = torch.nn.Linear(4, 2)
wrt = model
evaluating = False


def loss():
    with torch.set_grad_enabled(evaluating):
        output = model(torch.randn(3, 4))  # <- grad_disabled
    return output.square().mean()
