"""What commands read: labels and readings of lines by a recogniser of ours, or of logits by somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck_lm.commands.common import note
from gradcheck_lm.commands.data import Choice

if TYPE_CHECKING:
    from gradcheck_lm.lab.measuring.decoding import Fusing
    from gradcheck_lm.lab.measuring.scoring import ReadingChange


def load(recogniser: str, device: str | None) -> tuple[Any, Any]:
    """A recogniser on its device, and its charset."""
    from gradcheck_lm.htr.checkpoint import load_recogniser
    from gradcheck_lm.lab.machine.devices import own_device

    model, charset = load_recogniser(recogniser)
    return model.to(own_device(device)).eval(), charset


def read_data(
    data: Path,
    recogniser: str,
    device: str | None,
    *,
    limit: int | None = None,
    drop_unknown: bool = False,
    choice: Choice | None = None,
    fuse: Fusing | None = None,
) -> tuple[list[str], list[str]]:
    """Labels and readings of labelled lines, or of logits that come with labels."""
    from gradcheck_lm.errors import DataError
    from gradcheck_lm.htr.readers.logits import is_logits
    from gradcheck_lm.lab.measuring.reading import labelled_lines

    choice = choice or Choice()
    if is_logits(data):
        _, labels, readings = read_logits(data, recogniser, choice, limit=limit, fuse=fuse)
        if labels is None:
            raise DataError(
                f"the logits of {data} come without labels: put 'labels' into the .npz, or beside each file its .txt"
            )
        return labels, readings
    model, charset = load(recogniser, device)
    lines = labelled_lines(
        data, charset, drop_unknown=drop_unknown, limit=limit, progress=note, **choice.of_lines(data)
    )
    return [line.text or "" for line in lines], read_lines(model, charset, lines, fuse=fuse)


def read_logits(
    data: Path, recogniser: str, choice: Choice, *, limit: int | None = None, fuse: Fusing | None = None
) -> tuple[list[str], list[str] | None, list[str]]:
    """Names, labels where there are some, and readings of logits; the recogniser lends its charset."""
    from gradcheck_lm.htr import greedy_decode
    from gradcheck_lm.htr.checkpoint import load_recogniser
    from gradcheck_lm.htr.readers.logits import read_logits as read_file

    default = None if choice.charset else load_recogniser(recogniser)[1]
    found = read_file(data, default=default, **choice.of_logits(data)).first(limit)
    decode: Callable[..., list[str]] = greedy_decode
    if fuse is not None:
        decode = fuse.decoding(found.charset, found.logits.device).with_prior(found.logits, found.lengths).read
    return found.names, found.transcripts, decode(found.logits, found.charset, lengths=found.lengths)


def read_lines(model: Any, charset: Any, lines: Sequence[Any], *, fuse: Fusing | None = None) -> list[str]:
    """Readings of lines, with progress where there are many."""
    from gradcheck_lm.draw.terminal.terminal import progress
    from gradcheck_lm.lab.lines.data import LineData
    from gradcheck_lm.lab.measuring.reading import read

    place = next(model.parameters()).device
    with progress("reading", len(lines), enabled=len(lines) > 64) as tick:
        if len(lines) > 64:
            note(f"preparing {len(lines)} lines")
        data = LineData(lines, model.config, charset, clean=True, progress=note)
        options: dict[str, Any] = {}
        if fuse is not None:
            options["decode"] = fuse.decoding(charset, place).fitted(model, data).read
        return read(model, data, charset, on_lines=tick, **options)


def compare_logits(
    before: Path,
    after: Path,
    recogniser: str,
    lm: str | None,
    choice: Choice,
    *,
    limit: int | None,
    device: str | None,
    fuse: Fusing | None = None,
) -> ReadingChange:
    """How the reading of some lines changed, from logits before and after.

    Raises:
        ArgumentError: no language model was named, or the files hold other lines.
    """
    from gradcheck_lm.errors import ArgumentError
    from gradcheck_lm.lab.measuring.scoring import score_change
    from gradcheck_lm.lm import load_language_model

    if lm is None:
        raise ArgumentError("--before needs a language model that scores both readings: give --lm, for example char")
    old_names, old_labels, old = read_logits(before, recogniser, choice, limit=limit, fuse=fuse)
    names, labels, new = read_logits(after, recogniser, choice, limit=limit, fuse=fuse)
    # a file has no names for its lines; a folder has, and then they must be the same
    if len(names) != len(old_names) or (before.is_dir() and after.is_dir() and names != old_names):
        raise ArgumentError(
            f"{before} holds {len(old_names)} lines and {after} {len(names)}, or others: give the same lines"
        )
    note(f"loading the language model {lm}")
    return score_change(old, new, labels or old_labels, load_language_model(lm, device=device))
