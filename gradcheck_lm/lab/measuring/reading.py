"""Reading lines with a recogniser, and how good the reading is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.display import Displayed
from gradcheck_lm.errors import CharsetError, DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.htr.lines import LABELS, Line
from gradcheck_lm.htr.sources import open_lines
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.metrics import LineErrors, character_errors, length_ratio, word_errors
from gradcheck_lm.lm import AnyLanguageModel


def labelled_lines(
    folder: str | Path,
    charset: Charset,
    *,
    drop_unknown: bool = False,
    limit: int | None = None,
    split: str | None = None,
    ok_only: bool = False,
    tags: Collection[str] = (),
    progress: Callable[[str], object] | None = None,
) -> list[Line]:
    """The labelled lines of whatever `open_lines` knows, whose labels a recogniser can write.

    Args:
        drop_unknown: take characters that the charset lacks out of the labels, and lines that have no others away.
        limit: only the first so many lines.
        split, ok_only, tags: as `open_lines`.
        progress: told what was left out and why.
    Raises:
        CharsetError: labels hold other characters, which are named, and drop_unknown is False.
        DataError: as `open_lines`; or no line has a label, or none is left.
    """
    found = open_lines(folder, split=split, ok_only=ok_only, tags=tags, limit=limit, labelled=True)
    lines = [line for line in found if line.text is not None]
    if not lines:
        raise DataError(
            f"{folder} has no {LABELS} and no other transcripts: write a row for each image: file, tab, text "
            f"(docs/data.md has the other forms)"
        )
    told = [*found.notes]
    if len(lines) < len(found):
        told.append(f"{len(found) - len(lines)} of {len(found)} lines have no transcript and were left out")
    for sentence in told if progress is not None else ():
        progress(sentence)  # type: ignore[misc]
    lines = lines[:limit]
    bad = [line for line in lines if not charset.covers(line.text or "")]
    if not bad:
        return lines
    if not drop_unknown:
        raise CharsetError(_unknown(bad, len(lines), folder, charset))
    kept = []
    for line in lines:
        text = line.text or ""
        if not charset.covers(text):
            text = " ".join(charset.clean(text).split())
        if text:
            kept.append(line.with_text(text))
    if not kept:
        raise DataError(f"no label of {folder} holds a character of {_describe(charset)}: take another recogniser")
    return kept


def _unknown(bad: list[Line], total: int, folder: str | Path, charset: Charset) -> str:
    missing = sorted({character for line in bad for character in charset.missing(line.text or "")})
    listed = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in missing[:8])
    more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
    text = bad[0].text or ""
    first = text if len(text) <= 60 else text[:57] + "..."
    return (
        f"{len(bad)} of {total} labels of {folder} hold characters that {_describe(charset)} does not have: "
        f"{listed}{more}. The first is {bad[0].name}: {first!r}. Mend the labels, or leave these "
        f"characters out of them with --drop-unknown"
    )


def _describe(charset: Charset) -> str:
    characters = charset.characters
    inside = f", {characters!r}," if len(characters) <= 30 else ""
    return f"the recogniser's charset of {len(characters)}{inside}"


@torch.no_grad()
def read(
    model: nn.Module,
    data: LineData,
    charset: Charset,
    *,
    chunk: int = 32,
    decode: Callable[[Tensor, Charset], list[str]] = greedy_decode,
    on_lines: Callable[[int], object] | None = None,
) -> list[str]:
    """Readings of all lines, in order; the model's mode is put back afterwards.

    Args:
        chunk: lines at a time.
        decode: from logits (T, N, C) and the charset to N strings.
        on_lines: called with the number of lines just read, for a progress bar.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    readings: list[str] = []
    for batch in data.chunks(chunk, device):
        readings += decode(model(batch.images), charset)
        if on_lines is not None:
            on_lines(len(batch.indices))
    model.train(training)
    return readings


@dataclass(frozen=True, repr=False)
class Quality(Displayed):
    """How well some lines are read. Rates are fractions; `lm` is nats per character of what was read."""

    readings: list[str]
    characters: LineErrors
    words: LineErrors
    length_ratio: float
    lm: float | None

    @property
    def cer(self) -> float:
        """Character error rate, micro average."""
        return self.characters.rate

    @property
    def wer(self) -> float:
        """Word error rate, micro average."""
        return self.words.rate

    def _headline(self) -> str:
        lm = "" if self.lm is None else f", LM {self.lm:.4f} nats a character"
        return f"CER {self.cer:.4f}, WER {self.wer:.4f}, length ratio {self.length_ratio:.3f}{lm}"

    def __str__(self) -> str:
        return f"{len(self.readings)} lines: {self._headline()}"

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {"cer": self.cer, "wer": self.wer, "length_ratio": self.length_ratio, "lm": self.lm}


def nats_per_character(language_model: AnyLanguageModel, texts: list[str]) -> float:
    """Sum of nats over sum of characters; per token would saturate where the text is garbage."""
    return float(language_model.nll(texts).sum()) / max(1, sum(map(len, texts)))


def measure(
    model: nn.Module, data: LineData, charset: Charset, language_model: AnyLanguageModel | None = None
) -> Quality:
    """Read all lines and compare them with their labels."""
    readings = read(model, data, charset)
    return Quality(
        readings=readings,
        characters=character_errors(data.texts, readings),
        words=word_errors(data.texts, readings),
        length_ratio=length_ratio(data.texts, readings),
        lm=nats_per_character(language_model, readings) if language_model is not None else None,
    )
