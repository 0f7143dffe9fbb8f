"""What an option asks of this machine is looked at before anything is loaded: a device, a folder to write to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gradcheck_lm.errors import ArgumentError


def check_options(options: Mapping[str, Any]) -> None:
    """Hold a command's options against the checks that belong to their names.

    Raises:
        ArgumentError: naming the option, its value and what it may be.
    """
    for name, check in _CHECKS.items():
        if options.get(name) is not None:
            check("--" + name.replace("_", "-"), options[name])
    if options.get("mixed_precision") == "fp16":
        _check_half(options.get("device"))


def check_out(option: str, out: Path) -> None:
    """A folder to write to: it may be missing, but it or its nearest parent must be one that can be written."""
    place = Path(out).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise ArgumentError(f"{option} is {str(out)!r}, but {place} is a file: give a folder")
    if not os.access(place, os.W_OK):
        raise ArgumentError(f"{option} is {str(out)!r}, but {place} may not be written: give another folder")


def check_device(option: str, name: str) -> None:
    """A device that torch has on this machine."""
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise ArgumentError(f"{option} is {name!r}; give cpu, cuda (or cuda:1 for the second GPU) or mps")
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }[device.type]
    if not there:
        raise ArgumentError(
            f"{option} is {name!r}, but torch {torch.__version__} sees no such device here: leave {option} out, "
            "or install the torch that is made for it"
        )
    if (device.index or 0) >= there:
        raise ArgumentError(f"{option} is {name!r}, but there are {there} of these, counted from 0")


def _check_half(device: str | None) -> None:
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        raise ArgumentError("--mixed-precision is 'fp16', which needs a GPU: give bf16 or no")


_CHECKS: dict[str, Callable[[str, Any], None]] = {"device": check_device, "out": check_out}
