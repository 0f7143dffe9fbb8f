"""Where the logits come from whose gradients are looked at: a recogniser on lines, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.lines import LABELS, Line, read_images
from gradcheck_lm.htr.synthetic import HELD_OUT_HANDS, SyntheticLines
from gradcheck_lm.htr.text import load_sentences
from gradcheck_lm.lab.compare import load_recogniser
from gradcheck_lm.lab.data import LineData
from gradcheck_lm.lab.reading import labelled_lines

ARRAYS = (".npy", ".npz")


@dataclass(frozen=True)
class Input:
    """logits (T, N, C) float32; N true texts or None; the charset; and in words where they are from."""

    logits: Tensor
    transcripts: list[str] | None
    charset: Charset
    source: str


def load_input(source: Path | None, *, recogniser: str, lines: int, seed: int = 0, device: str | None = None) -> Input:
    """Logits of the first lines of a folder or file, or of synthetic lines in a hand kept out of training.

    Raises:
        ArgumentError: logits that do not fit the charset; DataError, CheckpointError, CharsetError: with what to mend.
    """
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if source is not None and source.suffix.lower() in ARRAYS:
        return load_arrays(source, recogniser=recogniser, lines=lines, device=target)
    model, charset = load_recogniser(recogniser, seed=seed)
    said = f"{lines} synthetic lines in the hand {HELD_OUT_HANDS[0]}"
    if source is None:
        texts = load_sentences("stdlib", charset=charset, split="test")
        found: list[Line] = list(SyntheticLines(texts, HELD_OUT_HANDS[:1], lines, seed))
    elif (source / LABELS).is_file():
        found, said = labelled_lines(source, charset, drop_unknown=True, limit=lines), str(source)
    else:
        found, said = read_images([source])[:lines], str(source)
    data = LineData(found, model.config, charset)
    batch = data.take(range(len(data)), target)
    with torch.no_grad():
        logits = model.to(target).eval()(batch.images)
    return Input(logits, batch.texts, charset, said)


def load_arrays(path: Path, *, recogniser: str, lines: int, device: torch.device) -> Input:
    """Logits (T, N, C) from .npy, or from .npz with `logits` and, where known, `labels` and `characters`."""
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"logits": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: check the spelling") from None
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} holds no arrays that can be read without running code: {error}") from error
    if "logits" not in arrays:
        raise DataError(f"{path} holds {', '.join(arrays) or 'nothing'}; 'logits' (T, N, C) is needed")
    logits = torch.from_numpy(np.asarray(arrays["logits"]))
    if logits.ndim != 3 or not logits.is_floating_point():
        raise ArgumentError(f"logits of {path} are {tuple(logits.shape)} {logits.dtype}; wanted are floats (T, N, C)")
    charset = Charset(str(arrays["characters"])) if "characters" in arrays else load_recogniser(recogniser)[1]
    if charset.size != logits.shape[2]:
        raise ArgumentError(
            f"logits of {path} have C = {logits.shape[2]} classes and the charset makes {charset.size}: put the "
            "characters, in the order of their classes and without the blank, into the .npz as 'characters'"
        )
    labels = [str(text) for text in arrays["labels"]] if "labels" in arrays else None
    if labels is not None and len(labels) != logits.shape[1]:
        raise ArgumentError(f"{path} holds {len(labels)} labels for N = {logits.shape[1]} lines: one a line")
    return Input(
        logits[:, :lines].to(device, torch.float32), None if labels is None else labels[:lines], charset, str(path)
    )
