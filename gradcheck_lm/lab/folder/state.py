"""The state of a run in one safetensors file: weights, optimizer, random numbers, step. No pickle, and atomic."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
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
from gradcheck_lm.foreign import parse_json
from gradcheck_lm.lab.machine.devices import with_index

FORMAT = "gradcheck_lm run 1"
# RuntimeError: of torch, where a tensor has another shape than what it is for; OverflowError: a number of random's
_DAMAGED = (
    SafetensorError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, RuntimeError,
)  # fmt: skip


def save_state(
    path: str | Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    generators: Mapping[str, torch.Generator],
    config: Mapping[str, Any],
    random_states: Sequence[Mapping[str, Tensor]] | None = None,
    scaler: Any = None,
) -> Path:
    """Write everything that the next step depends on.

    Args:
        path: where to; an older state there stays valid until the new one is complete.
        step: how many steps are done.
        generators: private random generators by name; torch's, NumPy's and Python's global ones are kept as well.
        config: the run's settings, compared when the run is resumed.
        random_states: what `random_state` gives on each process, by rank; None: this process is the only one.
        scaler: the GradScaler of a run in fp16.
    """
    tensors: dict[str, Tensor] = {f"model.{key}": value for key, value in model.state_dict().items()}
    state = optimizer.state_dict()
    for index, slots in state["state"].items():
        for key, value in slots.items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
    for rank, found in enumerate(random_states or [random_state()]):
        prefix = "random." if rank == 0 else f"rank.{rank}.random."
        tensors |= {prefix + key: value for key, value in found.items()}
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
        "scaler": json.dumps(scaler.state_dict() if scaler is not None else {}),
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
    rank: int = 0,
    scaler: Any = None,
) -> int:
    """Put a run back to where `save_state` left it; gives the number of steps done.

    Args:
        rank: of this process; one that the state does not know keeps the random numbers that it has.
        scaler: as in `save_state`.
    Raises:
        CheckpointError: the file is damaged, of another program, or of a run with other settings.
    """
    path = Path(path)
    data = path.read_bytes()
    metadata = read_metadata(data, path)
    mine = json.loads(json.dumps(dict(config), sort_keys=True))
    theirs = _parsed(metadata, "config", dict, path)
    different = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
    if different:
        rows = "; ".join(f"{key} was {theirs.get(key)!r}, is {mine.get(key)!r}" for key in different)
        raise CheckpointError(
            f"{path} belongs to a run with other settings ({rows}): "
            "resume with the same settings, or give another --out"
        )
    try:
        tensors = load_tensors(data)
        _put_back(tensors, metadata, path, model, optimizer, generators, rank, scaler)
    except torch.OutOfMemoryError:
        raise
    except _DAMAGED as error:
        said = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} is damaged ({said}): delete it to start again") from error
    return int(metadata["step"])


def _put_back(
    tensors: dict[str, Tensor],
    metadata: dict[str, str],
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Mapping[str, torch.Generator],
    rank: int,
    scaler: Any,
) -> None:
    model.load_state_dict(_under(tensors, "model."))
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _under(tensors, "optimizer.").items():
        index, name = key.split(".", 1)
        slots.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": slots, "param_groups": _parsed(metadata, "param_groups", list, path)})
    set_random_state(_under(tensors, "random." if rank == 0 else f"rank.{rank}.random."))
    if scaler is not None and (kept := _parsed({"scaler": "{}", **metadata}, "scaler", dict, path)):
        scaler.load_state_dict(kept)
    for name, generator in generators.items():
        generator.set_state(tensors[f"generator.{name}"])
    kind, *rest = _parsed(metadata, "numpy", list, path)
    np.random.set_state((kind, tensors["random.numpy"].numpy().astype(np.uint32), *rest))
    version, inner, gauss = _parsed(metadata, "python", list, path)
    random.setstate((version, tuple(inner), gauss))


def seed_all(seed: int, *, process: int = 0) -> None:
    """Start torch's, NumPy's and Python's random numbers; torch's differ between processes, as dropout must."""
    torch.manual_seed(seed + 1_000_003 * process)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def random_state(device: torch.device | None = None) -> dict[str, Tensor]:
    """torch's random state in this process, on the processor and on every GPU; or on this device alone."""
    found = {"torch": torch.get_rng_state()}
    if device is not None:
        if (device := with_index(device)).type == "cuda":
            found[f"cuda.{device.index}"] = torch.cuda.get_rng_state(device)
    elif torch.cuda.is_available():
        found |= {f"cuda.{number}": value for number, value in enumerate(torch.cuda.get_rng_state_all())}
    return found


def set_random_state(found: Mapping[str, Tensor]) -> None:
    """Put back what `random_state` gave."""
    if "torch" in found:
        torch.set_rng_state(found["torch"])
    for key, value in _under(found, "cuda.").items():
        if torch.cuda.is_available() and int(key) < torch.cuda.device_count():
            torch.cuda.set_rng_state(value, int(key))


def read_metadata(data: bytes, path: Path) -> dict[str, str]:
    """The header of a state file, checked to be one of ours."""
    try:
        size = int.from_bytes(data[:8], "little")
        header = parse_json(data[8 : 8 + size])["__metadata__"]
        if header["format"] != FORMAT:
            raise KeyError("format")
        if not (header["step"].isascii() and header["step"].isdigit()):
            raise ValueError("step")  # a step before the first would be gone on from
        header["step"] = str(int(header["step"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a run's state, or is damaged: delete it to start again") from error
    return header


def _parsed(metadata: Mapping[str, str], key: str, kind: type, path: Path) -> Any:
    """One entry of a state's header, which is a JSON text itself."""
    try:
        found = parse_json(metadata[key])
        if not isinstance(found, kind):
            raise TypeError(key)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged in its entry {key!r}: delete it to start again") from error
    return found


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
