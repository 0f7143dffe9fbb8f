# expected: discrete_op
# A histogram of the output is compared with a target histogram.
# thread: albrateanu/LYT-Net#16
import torch

model = torch.nn.Linear(4, 16)
wrt = model


def loss():
    output = model(torch.randn(3, 4)).sigmoid()
    counts = torch.histc(output, bins=5, min=0.0, max=1.0)  # <- discrete_op
    return (counts / counts.sum() - 0.2).abs().sum()
