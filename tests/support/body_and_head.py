"""A small network that trainers of all makes take, its batches, and whether torch is as it was without the debugger."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(batch).tanh())


BATCHES = [torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]


def plain_as_before() -> bool:
    return torch.overrides._len_torch_function_stack() == 0 and not hasattr(
        torch.autograd._engine_run_backward, "__wrapped__"
    )
