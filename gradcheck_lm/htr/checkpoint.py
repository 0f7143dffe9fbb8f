"""A recogniser on disk: safetensors with its sizes and its characters beside the weights. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, CheckpointError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import write_bytes_atomic
from gradcheck_lm.foreign import check_regular, parse_json
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CONFIGS, CRNN, CRNNConfig, build_crnn

SYNTHETIC = "synthetic"
_SHIPPED = Path(__file__).parent / "weights" / "synthetic-small.safetensors"
# one key only: safetensors writes several in random order, and equal models should give equal files
_KEY = "gradcheck_lm"
_FORMAT = "recogniser/1"
_MOST_BLOCKS, _MOST_LAYERS = 64, 16


def checkpoint_path(path: str | Path) -> Path:
    """The file that `path` means: "synthetic" is the recogniser that ships with the package."""
    return _SHIPPED if str(path) == SYNTHETIC else Path(path)


def load_recogniser(name: str, *, seed: int = 0) -> tuple[CRNN, Charset]:
    """A recogniser from a checkpoint, "synthetic" (the one that ships), or "full" or "small" with fresh weights."""
    if name in CONFIGS:
        state = torch.get_rng_state()
        torch.random.default_generator.manual_seed(seed)  # the processor's alone: a GPU's would not be put back
        model = build_crnn(name, classes=Charset.standard().size)
        torch.set_rng_state(state)
        return model, Charset.standard()
    model, charset, _ = load_checkpoint(name)
    return model, charset


def save_checkpoint(
    model: CRNN, charset: Charset, path: str | Path, *, extra: Mapping[str, str] | None = None, half: bool = False
) -> Path:
    """Write the recogniser in one step: an older file stays until the new one is complete.

    Args:
        extra: anything to keep beside the weights, such as the step and the CER it reached.
        half: store matrices as float16; half the size, about 3 digits. Vectors stay float32: a variance may be tiny.
    Raises:
        CheckpointError: the charset does not fit the model, a weight is beyond float16's range, or the disk refuses.
    """
    if charset.size != model.config.classes:
        raise CheckpointError(
            f"the model has {model.config.classes} classes, the charset of {len(charset.characters)} characters needs "
            f"{charset.size}: build the model with build_crnn(..., classes=charset.size)"
        )
    tensors = {name: _stored(name, tensor, half=half) for name, tensor in model.state_dict().items()}
    note = {
        "format": _FORMAT,
        "config": asdict(model.config),
        "characters": charset.characters,
        "extra": {str(key): str(value) for key, value in (extra or {}).items()},
    }
    data = _safetensors().torch.save(tensors, {_KEY: json.dumps(note, sort_keys=True)})
    try:
        return write_bytes_atomic(checkpoint_path(path), data)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path} ({len(data) / 1e6:.1f} MB): {error.strerror or error}. "
            f"Choose a folder that can be written and has room; nothing was changed"
        ) from error


def load_checkpoint(
    path: str | Path, *, config: CRNNConfig | None = None, charset: Charset | None = None
) -> tuple[CRNN, Charset, dict[str, str]]:
    """Read a recogniser: float32, on the processor, in eval mode.

    Args:
        path: a file that `save_checkpoint` wrote, or "synthetic" for the one that ships with the package.
        config, charset: what it must be; by default whatever the file holds.
    Returns:
        the model, its charset, and what was kept beside it.
    Raises:
        CheckpointError: the file is missing, damaged, of another kind, of another shape, or of another charset.
    """
    place = checkpoint_path(path)
    _check_file(place, path)
    try:
        with _safetensors().safe_open(str(place), framework="pt") as file:
            found_config, found_charset, extra = _read_note(file.metadata(), place)
            _check_wanted(place, found_config, found_charset, config, charset)
            names = list(file.keys())
            _check_shapes(place, found_config, {name: tuple(file.get_slice(name).get_shape()) for name in names})
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, _safetensors().SafetensorError) as error:
        raise CheckpointError(
            f"{place} is damaged or no safetensors file ({error}). Fetch or write it again; an interrupted copy is the "
            f"usual reason"
        ) from error
    model = CRNN(found_config)
    model.load_state_dict({name: _loaded(tensor) for name, tensor in tensors.items()})
    return model.eval(), found_charset, extra


def _stored(name: str, tensor: Tensor, *, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not half or not tensor.is_floating_point() or tensor.dim() < 2:
        return tensor
    smaller = tensor.half()
    if not torch.isfinite(smaller).all():
        raise CheckpointError(
            f"{name} holds values up to {tensor.abs().max().item():.3g}, beyond float16's 65504 or not a number: save "
            f"with half=False, and look at the training if a weight is that large"
        )
    return smaller


def _loaded(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _check_file(place: Path, asked: str | Path) -> None:
    if place.is_dir():
        raise CheckpointError(f"{place} is a folder: name the .safetensors file in it")
    if not place.exists():
        if str(asked) == SYNTHETIC:
            raise CheckpointError(
                f"the recogniser that ships with the package is not there ({place.name}): install the package again, "
                f"or make one with: python -m gradcheck_lm train --data synthetic --out DIR, and copy "
                f"DIR/recogniser.safetensors to {place}"
            )
        raise CheckpointError(f'there is no checkpoint {place}: name a file that `train` wrote, or "synthetic"')
    check_regular(place, error=CheckpointError)
    with open(place, "rb") as stream:
        start = stream.read(8)
    if not start:
        raise CheckpointError(f"{place} is empty: fetch or write it again")
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        raise CheckpointError(
            f"{place} is a pickle (torch.save): loading one runs whatever code is in it, so it is not read. Load it "
            f"yourself where you trust it, copy its weights into build_crnn(...), and write that with save_checkpoint"
        )


def _read_note(metadata: dict[str, str] | None, place: Path) -> tuple[CRNNConfig, Charset, dict[str, str]]:
    """The config, the charset and the extras of a file's metadata."""
    if not metadata or _KEY not in metadata:
        raise CheckpointError(
            f"{place} is a safetensors file, but no recogniser of gradcheck_lm: its metadata lacks {_KEY!r}. "
            f"Name a file that save_checkpoint or `train` wrote"
        )
    try:
        note: dict[str, Any] = parse_json(metadata[_KEY])
        if note["format"] != _FORMAT:
            raise CheckpointError(
                f"{place} has the format {note['format']!r}, this version reads {_FORMAT!r}: update gradcheck_lm"
            )
        known = {field.name for field in fields(CRNNConfig)}
        config = CRNNConfig(**{name: value for name, value in note["config"].items() if name in known})
        charset = Charset(note["characters"])
        extra = {str(key): str(value) for key, value in note["extra"].items()}
        # a few hundred bytes of sizes must not make the machine build something huge
        if config.lstm_layers > _MOST_LAYERS or sum(blocks for blocks, _ in config.groups) > _MOST_BLOCKS:
            raise ArgumentError(f"more than {_MOST_LAYERS} LSTM layers or {_MOST_BLOCKS} residual blocks")
        if config.classes != charset.size:
            raise ArgumentError(f"{config.classes} classes and a charset of {charset.size}")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:  # JSON has Infinity, int has none
        raise CheckpointError(f"the metadata of {place} is damaged ({error}): fetch or write the file again") from error
    return config, charset, extra


def _check_wanted(
    place: Path, config: CRNNConfig, charset: Charset, wanted: CRNNConfig | None, characters: Charset | None
) -> None:
    if characters is not None and charset != characters:
        raise CheckpointError(
            f"{place} writes {len(charset.characters)} characters, {len(characters.characters)} were asked for: "
            f"it lacks {characters.missing_from(charset)!r} and has {charset.missing_from(characters)!r} more, "
            f"or their order differs. "
            f"Use the checkpoint's own charset, or train one for yours"
        )
    if wanted is not None and config != wanted:
        differing = ", ".join(
            f"{field.name} {getattr(config, field.name)!r} (asked for: {getattr(wanted, field.name)!r})"
            for field in fields(CRNNConfig)
            if getattr(config, field.name) != getattr(wanted, field.name)
        )
        raise CheckpointError(
            f"{place} holds a recogniser of another shape: {differing}. Use the checkpoint's own config"
        )


def _check_shapes(place: Path, config: CRNNConfig, found: Mapping[str, tuple[int, ...]]) -> None:
    """Hold the file's shapes against the config's, before anything of that size is made."""
    with torch.device("meta"):
        expected = {name: tuple(tensor.shape) for name, tensor in CRNN(config).state_dict().items()}
    wrong = [
        f"{name} is {found.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
        for name in sorted(expected.keys() | found.keys())
        if found.get(name) != expected.get(name)
    ]
    if wrong:
        raise CheckpointError(
            f"{place} does not fit its own config {config.name!r}, {len(wrong)} tensors differ: {'; '.join(wrong[:3])}."
            f" It was changed after it was written; fetch or write it again"
        )


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise MissingPackageError(f"checkpoints need safetensors: {install_line('lab')}") from error
    return safetensors
