"""The optimizer of a run."""

from __future__ import annotations

import torch
from torch import nn

from gradcheck_lm.lab.config import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig, device: torch.device) -> torch.optim.AdamW:
    """AdamW over all parameters.

    Args:
        device: where the parameters will be when it steps.
    """
    fused = config.fused
    if fused is None:
        # on a CPU the update is a two-hundredth of the step or less, and every saved run there was made without.
        # With fp16 a fused update decides on the device whether to leave the step out, which accelerate cannot see
        fused = device.type == "cuda" and config.mixed_precision != "fp16"
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        eps=config.epsilon,
        fused=fused or None,  # with False torch would not take its second best on a GPU either
    )
