# expected: detach
# A decorator that makes metrics safe to log detaches its arguments; the metric became a loss later.
import functools

import torch
from torch import nn

model = nn.Linear(6, 2)
wrt = model


def for_logging(metric):
    @functools.wraps(metric)
    def inner(*tensors):
        return metric(*(tensor.detach() for tensor in tensors))  # <- detach

    return inner


@for_logging
def smoothness(signal):
    return (signal[1:] - signal[:-1]).square().mean()


def loss():
    output = model(torch.randn(9, 6))
    return {"fit": (output - 1).square().mean(), "smooth": smoothness(output)}
