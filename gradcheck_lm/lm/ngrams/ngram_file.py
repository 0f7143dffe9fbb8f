"""N-gram models on disk: one safetensors file, no pickle; and the built-in one, made at first use."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm import bounds
from gradcheck_lm.errors import GradcheckLMError, LanguageModelError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import write_bytes_atomic
from gradcheck_lm.foreign import parse_json
from gradcheck_lm.lm import cache
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel, train_ngram
from gradcheck_lm.lm.ngrams.ngram_counts import Symbols, Tables, check_order
from gradcheck_lm.texts.sides import is_test
from gradcheck_lm.texts.sources import SHIPPED, read_paragraphs

NGRAM_FILE = "ngram.safetensors"
_KEY = "gradcheck_lm.ngram"
_FORMAT = 1
_PARTS = ("codes", "log_probs", "contexts", "backoffs")
_AGAIN = "write it again with `train-ngram`, or copy it again"


def save_ngram(model: NgramModel, folder: str | Path) -> Path:
    """Write a model to folder/ngram.safetensors in one step; give the file.

    Raises:
        OSError: the folder cannot be written; the old file is untouched.
    """
    tensors = {
        f"{part}.{level}": tensor.cpu().contiguous()
        for part in _PARTS
        for level, tensor in enumerate(getattr(model.tables, part))
    }
    note = {"format": _FORMAT, **asdict(model.config), "order": model.order}
    data = _safetensors().torch.save(tensors, metadata={_KEY: json.dumps(note)})
    return write_bytes_atomic(Path(folder) / NGRAM_FILE, data)


def load_ngram(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> NgramModel:
    """Read what `save_ngram` wrote.

    Args:
        path: the file, or its folder.
        name: what the model is called in messages; None for the path.
        device: where the tables go.
        dtype: of the scores; None is float32.
    Raises:
        LanguageModelError: the file is missing, damaged, of another kind or of another version.
    """
    place = Path(path).expanduser()
    place = place / NGRAM_FILE if place.is_dir() else place
    if not place.is_file():
        raise LanguageModelError(f"there is no n-gram model {str(place)!r}; check the path, or make one: train-ngram")
    try:
        with _safetensors().safe_open(str(place), framework="pt") as file:
            config = _read_note(file.metadata(), place)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dict)
    except (OSError, _safetensors().SafetensorError) as error:
        raise LanguageModelError(f"{place} is damaged or no safetensors file ({error}): {_AGAIN}") from error
    return NgramModel(
        _checked(tensors, config, place),
        config,
        name=os.fspath(path) if name is None else name,
        device=device,
        dtype=dtype or torch.float32,
    )


def builtin_ngram(*, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> NgramModel:
    """A 6-gram of the prose in Python 3.11's docstrings, made at first use (about 15 s) and then kept.

    Every fifth paragraph is held out, by `gradcheck_lm.texts.sides.is_test`; the text ships, so every Python makes the
    same model.
    """
    config = NgramConfig()
    text = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    made_from = json.dumps([_FORMAT, text, asdict(config)])
    key = f"ngram-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}"
    folder = cache.find(key)
    if folder is not None:
        try:
            return load_ngram(folder, name="ngram", device=device, dtype=dtype)
        except LanguageModelError:
            cache.discard(folder)
    model = train_ngram((text for text in read_paragraphs("docstrings") if not is_test(text)), config)

    def write(target: Path) -> None:
        save_ngram(model, target)

    cache.keep(key, write)
    return NgramModel(model.tables, config, name="ngram", device=device, dtype=dtype or torch.float32)


def holds_ngram(path: Path) -> bool:
    """Whether a path is one that `load_ngram` should be asked about: its file, or a folder with it."""
    return (path / NGRAM_FILE).is_file() or (path.suffix == ".safetensors" and path.is_file())


def _read_note(metadata: dict[str, str] | None, place: Path) -> NgramConfig:
    if not metadata or _KEY not in metadata:
        raise LanguageModelError(
            f"{place} is a safetensors file, but no n-gram model: its metadata lacks {_KEY!r}. Pass a file that "
            "`train-ngram` wrote, or the folder of a causal model"
        )
    try:
        note = parse_json(metadata[_KEY])
        if note.pop("format") != _FORMAT:
            raise LanguageModelError(f"{place} is of another version of gradcheck_lm than this one: {_AGAIN}")
        config = NgramConfig(**note)
        for field in fields(NgramConfig):
            kind = type(field.default)
            if type(getattr(config, field.name)) is not kind:
                raise TypeError(f"{field.name} is {getattr(config, field.name)!r:.60}, expected {kind.__name__}")
        bounds.CHARSET.hold(len(config.characters), str(place), error=LanguageModelError)
        check_order(config.order, Symbols(config.characters, config.lines))
    except LanguageModelError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, GradcheckLMError) as error:
        raise LanguageModelError(f"the metadata of {place} is damaged ({error}): {_AGAIN}") from error
    return config


def _checked(tensors: dict[str, Tensor], config: NgramConfig, place: Path) -> Tables:
    """The tables, if they are whole: a look-up in a table that is not sorted would answer, and wrongly."""
    order, symbols = config.order, Symbols(config.characters, config.lines)
    wanted = {f"{part}.{level}" for part in _PARTS for level in range(order)}
    faults = [f"{name} is missing" for name in sorted(wanted - tensors.keys())]
    # a lower order in the metadata would score with a part of the model
    faults += [f"{name} is of no order there" for name in sorted(tensors.keys() - wanted)]
    for level in range(order) if not faults else ():
        for keys, values, length in (("codes", "log_probs", level + 1), ("contexts", "backoffs", level)):
            key, value = tensors[f"{keys}.{level}"], tensors[f"{values}.{level}"]
            if key.dtype != torch.int64 or value.dtype != torch.float64 or key.ndim != 1 or key.shape != value.shape:
                faults.append(f"{keys}.{level} or {values}.{level} has another form")
            elif bool((key[1:] <= key[:-1]).any()) or (len(key) and not 0 <= int(key[0]) <= int(key[-1])):
                faults.append(f"{keys}.{level} is not sorted")
            elif len(key) and int(key[-1]) >= symbols.size**length:
                faults.append(f"{keys}.{level} goes beyond the alphabet")
            elif bool(value.isnan().any()) or bool((value > 1e-12).any()):
                faults.append(f"{values}.{level} holds no log-probabilities")
    if not faults and len(tensors["codes.0"]) != symbols.events:
        faults.append("codes.0 lacks symbols")
    if faults:
        raise LanguageModelError(f"{place} does not fit its own metadata ({'; '.join(faults[:3])}): {_AGAIN}")
    return Tables(*[tuple(tensors[f"{part}.{level}"] for level in range(order)) for part in _PARTS])


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise MissingPackageError(f"n-gram files need safetensors: {install_line('lab')}") from error
    return safetensors
