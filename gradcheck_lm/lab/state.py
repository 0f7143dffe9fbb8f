"""The state of a run in one safetensors file: weights, optimizer, random numbers, step. No pickle, and atomic."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from gradcheck_lm.errors import CheckpointError
from gradcheck_lm.files import write_bytes_atomic

FORMAT = "gradcheck_lm run 1"


def save_state(
    path: str | Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    generators: Mapping[str, torch.Generator],
    config: Mapping[str, Any],
) -> Path:
    """Write everything that the next step depends on.

    Args:
        path: where to; an older state there stays valid until the new one is complete.
        step: how many steps are done.
        generators: private random generators by name; torch's, NumPy's and Python's global ones are kept as well.
        config: the run's settings, compared when the run is resumed.
    """
    tensors: dict[str, Tensor] = {f"model.{key}": value for key, value in model.state_dict().items()}
    state = optimizer.state_dict()
    for index, slots in state["state"].items():
        for key, value in slots.items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
    tensors["random.torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        for device, value in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"random.cuda.{device}"] = value
    for name, generator in generators.items():
        tensors[f"generator.{name}"] = generator.get_state()
    kind, keys, *rest = np.random.get_state(legacy=True)
    tensors["random.numpy"] = torch.from_numpy(np.asarray(keys).astype(np.int64))
    metadata = {
        "format": FORMAT,
        "step": str(step),
        "config": json.dumps(dict(config), sort_keys=True),
        "param_groups": json.dumps(state["param_groups"]),
        "numpy": json.dumps([kind, *rest]),
        "python": json.dumps(random.getstate()),
    }
    # clones: safetensors refuses tensors that share memory, and weights may be tied
    flat = {key: value.detach().to("cpu").contiguous().clone() for key, value in tensors.items()}
    return write_bytes_atomic(path, save_tensors(flat, metadata=metadata))


def load_state(
    path: str | Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Mapping[str, torch.Generator],
    config: Mapping[str, Any],
) -> int:
    """Put a run back to where `save_state` left it; gives the number of steps done.

    Raises:
        CheckpointError: the file is damaged, of another program, or of a run with other settings.
    """
    path = Path(path)
    data = path.read_bytes()
    metadata = read_metadata(data, path)
    mine = json.loads(json.dumps(dict(config), sort_keys=True))
    theirs = json.loads(metadata["config"])
    different = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
    if different:
        rows = "; ".join(f"{key} was {theirs.get(key)!r}, is {mine.get(key)!r}" for key in different)
        raise CheckpointError(
            f"{path} belongs to a run with other settings ({rows}): "
            "resume with the same settings, or give another --out"
        )
    try:
        tensors = load_tensors(data)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}): delete it to start again") from error
    model.load_state_dict(_under(tensors, "model."))
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _under(tensors, "optimizer.").items():
        index, name = key.split(".", 1)
        slots.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": slots, "param_groups": json.loads(metadata["param_groups"])})
    torch.set_rng_state(tensors["random.torch"])
    if torch.cuda.is_available():
        for key, value in _under(tensors, "random.cuda.").items():
            if int(key) < torch.cuda.device_count():
                torch.cuda.set_rng_state(value, int(key))
    for name, generator in generators.items():
        generator.set_state(tensors[f"generator.{name}"])
    kind, *rest = json.loads(metadata["numpy"])
    np.random.set_state((kind, tensors["random.numpy"].numpy().astype(np.uint32), *rest))
    version, inner, gauss = json.loads(metadata["python"])
    random.setstate((version, tuple(inner), gauss))
    return int(metadata["step"])


def read_metadata(data: bytes, path: Path) -> dict[str, str]:
    """The header of a state file, checked to be one of ours."""
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])["__metadata__"]
        if header["format"] != FORMAT:
            raise KeyError("format")
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a run's state, or is damaged: delete it to start again") from error
    return header


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
