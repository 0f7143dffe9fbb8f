# expected: detach left_torch new_leaf
# Per-sample costs are computed by a pool of processes.
# thread: pytorch/pytorch#12202
import multiprocessing
import statistics

import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model


def loss():
    output = model(torch.randn(5, 4))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        costs = pool.map(statistics.pstdev, output.detach().tolist())  # <- detach left_torch
    return {"fit": (output - 1).square().mean(), "spread": torch.tensor(costs).mean()}  # <- new_leaf
