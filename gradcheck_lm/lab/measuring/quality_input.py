"""Where the logits come from whose gradients are looked at: a recogniser on lines, or a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.lines import Line
from gradcheck_lm.htr.readers.logits import is_logits, read_logits
from gradcheck_lm.htr.sources import open_lines
from gradcheck_lm.htr.synthetic.synthetic import HELD_OUT_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.devices import own_device
from gradcheck_lm.lab.measuring.reading import labelled_lines


@dataclass(frozen=True)
class Input:
    """logits (T, N, C) float32; N true texts or None; the charset; and in words where they are from."""

    logits: Tensor
    transcripts: list[str] | None
    charset: Charset
    source: str


def load_input(
    source: Path | None,
    *,
    recogniser: str,
    lines: int,
    seed: int = 0,
    device: str | None = None,
    progress: Callable[[str], object] | None = None,
    **chosen: Any,
) -> Input:
    """Logits of the first lines of a source of lines or of logits; without one, of synthetic lines in an unseen hand.

    Args:
        progress: told what was left out of the source and why.
        chosen: as `open_lines` takes it for lines, and `read_logits` for logits.
    Raises:
        ArgumentError: logits that do not fit the charset; DataError, CheckpointError, CharsetError: with what to mend.
    """
    target = own_device(device)
    if source is not None and is_logits(source):
        default = None if chosen.get("charset") else load_recogniser(recogniser)[1]
        found = read_logits(source, default=default, **chosen).first(lines)
        # behind a line's end there is only blank, so the lengths need not travel along
        return Input(found.logits.to(target), found.transcripts, found.charset, found.source)
    model, charset = load_recogniser(recogniser, seed=seed)
    picked, said = _lines(source, charset, lines, seed, progress, chosen)
    data = LineData(picked, model.config, charset, clean=True)
    batch = data.take(range(len(data)), target)
    with torch.no_grad():
        logits = model.to(target).eval()(batch.images)
    return Input(logits, batch.texts, charset, said)


def _lines(
    source: Path | None,
    charset: Charset,
    count: int,
    seed: int,
    progress: Callable[[str], object] | None,
    chosen: dict[str, Any],
) -> tuple[list[Line], str]:
    """The first lines, those with labels where any line has one, and where they are from."""
    if source is None:
        texts = load_sentences("stdlib", charset=charset, split="test")
        synthetic = SyntheticLines(texts, HELD_OUT_HANDS[:1], count, seed)
        return list(synthetic), f"{count} synthetic lines in the hand {HELD_OUT_HANDS[0]}"
    found = open_lines(source, **chosen)
    if any(line.text is not None for line in found):
        return labelled_lines(source, charset, drop_unknown=True, limit=count, progress=progress, **chosen), str(source)
    return found[:count], str(source)
