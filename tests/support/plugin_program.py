"""The program that the pytest plugin is tried on, in test runs of its own."""

from __future__ import annotations

# pytester forgets what was first imported inside its runs: the first cannot be twice, and a note told by one copy of
# the second is not known to another
import torch._dynamo  # noqa: F401

import gradcheck_lm.draw.japanese  # noqa: F401

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
