"""Lines without labels, and what a recogniser and an n-gram read on them together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.sources import open_lines
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.lines.tenths import Tenths
from gradcheck_lm.lab.measuring.decoding import Decoding
from gradcheck_lm.lab.measuring.reading import read


@dataclass(frozen=True)
class Unlabelled:
    """Lines on which something was read, and their readings."""

    data: LineData
    readings: list[str]


def read_unlabelled(
    model: CRNN,
    charset: Charset,
    source: str,
    decoding: Decoding,
    *,
    tags: Collection[str] = (),
    progress: Callable[[str], None],
) -> Unlabelled:
    """Read lines without labels, fused; labels that are there are not looked at.

    Args:
        model: on the device that is to read.
        source: whatever `open_lines` knows.
        progress: told what was left out and why.
    Raises:
        DataError: no lines, or nothing is read on any of them.
    """
    found = open_lines(source, tags=tags)
    for sentence in found.notes:
        progress(sentence)
    data = LineData([line.with_text(None) for line in found], model.config, charset, progress=progress)
    progress(f"reading {len(data)} lines without labels")
    readings = read(model, data, charset, decode=decoding.read, on_lines=Tenths(progress, "reading", len(data)))
    kept = [i for i, text in enumerate(readings) if text]
    if not kept:
        raise DataError(f"nothing is read on any line of {source}: train the recogniser on labels first")
    if len(kept) < len(data):
        progress(f"{len(data) - len(kept)} lines on which nothing is read were left out")
    return Unlabelled(data.part(kept), [readings[i] for i in kept])
