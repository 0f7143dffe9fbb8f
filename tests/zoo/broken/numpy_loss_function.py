# expected: left_torch
# A NumPy function (np.mean over .tolist()) as a second term.
import numpy
import torch

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    output = model(torch.randn(6, 4))
    spread = numpy.std(output.tolist())  # <- left_torch
    return {"fit": output.square().mean(), "spread": spread}
