"""The program that the pytest plugin is tried on, in test runs of its own."""

from __future__ import annotations

import torch._dynamo  # noqa: F401  # pytester forgets what was first imported inside its runs, and this cannot be twice

HEAD = """
import torch
import pytest
from torch import nn

model = nn.Linear(3, 2)
data = torch.ones(4, 3)

def healthy():
    return model(data).square().mean()

def cut():
    output = model(data)
    hard = output.argmax(-1)  # here
    return {"fit": output.square().mean(), "lm": hard.float().mean()}
"""
LINE = HEAD.splitlines().index("    hard = output.argmax(-1)  # here")
