# An excepthook of its own, which the script's error reaches.
import sys

import torch


def hook(kind, error, trace):
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    print("the script's own hook:", kind.__name__, error, frames)


sys.excepthook = hook
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.ones(1, 2)).square().sum().backward()
    optimizer.step()


def last():
    torch.ones(2, 3) @ torch.ones(2, 3)


try:
    last()
except RuntimeError as error:
    raise ValueError("no product") from error
