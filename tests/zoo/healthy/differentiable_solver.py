# expected: ok
# Linear algebra in the loss: a solve, a log-determinant, an eigendecomposition, an FFT.
import torch
from torch import nn

model = nn.Linear(4, 9)
wrt = model


def loss():
    square = model(torch.randn(5, 4)).view(5, 3, 3)
    covariance = square @ square.mT + torch.eye(3)
    solved = torch.linalg.solve(covariance, torch.ones(5, 3, 1))
    values, _ = torch.linalg.eigh(covariance)
    return (
        solved.square().mean() + covariance.logdet().mean() + values.log().mean() + torch.fft.rfft(square).abs().mean()
    )
