"""The device of a run, always by its number, and tensors on their way to it."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError


def launched() -> int:
    """How many processes `accelerate launch` or torchrun started, 1 without them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def own_device(device: torch.device | str | None = None) -> torch.device:
    """The device that `make_accelerator` will take, for what is loaded before there is an accelerator.

    Args:
        device: as `make_accelerator` takes it.
    Raises:
        ArgumentError: no device, or one GPU by number for several processes.
    """
    wanted = wanted_device(device)
    if wanted is None:
        wanted = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.type == "cuda" and launched() > 1:
        return torch.device("cuda", _rank_gpu())
    return with_index(wanted)


def wanted_device(device: torch.device | str | None) -> torch.device | None:
    """What was asked for; of several processes each is to take the GPU of its rank. Raises as `own_device`."""
    if device is None:
        return None
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ArgumentError(f"device is {device!r}; give cpu, cuda, cuda:1 or mps") from error
    if launched() > 1 and wanted.type == "cuda" and wanted.index is not None:
        # whoever passes a tensor's device on means its own GPU
        if wanted.index == _rank_gpu():
            return torch.device("cuda")
        raise ArgumentError(
            f"device is {device!r}, but {launched()} processes were launched, and each takes the GPU of its rank: "
            "leave --device out, and choose the GPUs with CUDA_VISIBLE_DEVICES"
        )
    return wanted


def with_index(device: torch.device | str) -> torch.device:
    """A GPU by its number: "cuda" is the current one of this thread, and torch.cuda.set_device wants to be told which.

    Any other device, and a GPU where torch sees none, stays as it is.
    """
    device = torch.device(device)
    if device.type != "cuda" or device.index is not None or not torch.cuda.is_available():
        return device
    return torch.device("cuda", torch.cuda.current_device())


def sent(tensor: Tensor, device: torch.device | str) -> Tensor:
    """A tensor on its device. A copy to a GPU is put into its queue instead of waiting for all that is in there."""
    if torch.device(device).type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()  # from other memory torch would wait all the same
    return tensor.to(device, non_blocking=True)


def _rank_gpu() -> int:
    return int(os.environ.get("LOCAL_RANK", "0")) % max(1, torch.cuda.device_count())
