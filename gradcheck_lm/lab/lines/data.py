"""Lines as batches: images kept as bytes, the order decided by a seed and a step alone, so that a run can resume."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNNConfig
from gradcheck_lm.htr.lines import Line, to_batch
from gradcheck_lm.lab.lines.buckets import bucketed, check_buckets, inked_columns
from gradcheck_lm.lab.lines.tenths import Tenths
from gradcheck_lm.lab.machine.devices import sent
from gradcheck_lm.lab.machine.memory import free_memory

KEPT = 4_000_000_000  # most bytes of pixels held in memory; see `room`


def room() -> int:
    """Bytes of pixels that a process may keep: `KEPT`, and of what is free its share of a half."""
    free = free_memory()
    sharing = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1") or 1))  # set by torchrun and accelerate
    return KEPT if free is None else min(KEPT, free // (2 * sharing))


@dataclass(frozen=True)
class Batch:
    """images: (N, 1, H, W) float, ink high; texts: N labels, or None where there are none; indices into the data."""

    images: Tensor
    texts: list[str] | None
    indices: list[int]


class LineData:
    """Lines of one size, ready for a recogniser.

    Args:
        lines: pictures of lines, with or without labels.
        config: the recogniser's input size.
        charset: labels are checked against it at once, so that a run does not fail in its third hour.
        clean: drop characters that the charset lacks instead of raising.
        chunk: lines read at a time.
        kept: bytes that the pixels may take, a byte a pixel; where they would take more, lines are read whenever they
            are taken, so that a data set may be larger than the memory. Batches are the same bit for bit. None: what
            `room` gives.
        buckets: into how many widths the lines are sorted, so that a batch holds lines of similar width; 0: not at all.
            Every line is then read once at the start.
        progress: told how far the first reading is, where that takes a while.
    Raises:
        ArgumentError: more buckets than lines, or fewer than none.
        DataError: no lines.
        CharsetError: a label with characters outside the charset.
    """

    buckets: int = 0
    inked: Tensor
    """(N,) columns that hold each line's ink; where there are buckets."""

    def __init__(
        self,
        lines: Sequence[Line],
        config: CRNNConfig,
        charset: Charset,
        *,
        clean: bool = False,
        chunk: int = 64,
        kept: int | None = None,
        buckets: int = 0,
        progress: Callable[[str], object] | None = None,
    ) -> None:
        if len(lines) == 0:
            raise DataError("no lines to work on: give a folder with images, or more synthetic lines")
        check_buckets(buckets, len(lines))
        self.charset = charset
        texts = [line.text for line in lines]
        self.labelled = all(text is not None for text in texts)
        self.texts: list[str] = []
        for line, text in zip(lines, texts, strict=True):
            text = text or ""
            text = charset.clean(text) if clean else text
            try:
                charset.encode(text)
            except Exception as error:
                raise type(error)(f"{line.name}: {error}") from error
            self.texts.append(text)
        self.names = [line.name for line in lines]
        self.config = config
        self._lines: Sequence[Line] = lines
        self._pixels: Tensor | None = None
        self._order: tuple[tuple[int, int, int], Tensor] | None = None  # the epoch's order
        self.buckets = buckets
        keep = len(lines) * config.height * config.width <= (room() if kept is None else kept)
        if keep or buckets:
            self._look(keep, chunk, Tenths(progress, "preparing lines", len(lines)))

    def _look(self, keep: bool, chunk: int, advance: Tenths) -> None:
        """Read all lines once, to keep their pixels or to see how wide they are."""
        count, size = len(self._lines), (1, self.config.height, self.config.width)
        pixels = torch.empty(count if keep else 0, *size, dtype=torch.uint8)
        inked = []
        for start in range(0, count, chunk):
            part = range(start, min(start + chunk, count))
            read = self._read(part)
            if keep:
                pixels[start : part.stop] = read
            if self.buckets:
                inked.append(inked_columns(read))
            advance(len(part))
        if keep:
            self._pixels, self._lines = pixels, ()  # the pictures themselves are no longer needed
        if self.buckets:
            self.inked = torch.cat(inked)

    def _read(self, indices: Sequence[int]) -> Tensor:
        # a byte a pixel: a fourth of the memory, and the rounding is finer than a scanner's noise
        return (to_batch([self._lines[i] for i in indices], self.config) * 255).round().to(torch.uint8)

    @property
    def from_files(self) -> bool:
        """Whether lines are read from image files whenever they are taken: several threads may do that at once."""
        return self._pixels is None and all(isinstance(line, Line) and line.path is not None for line in self._lines)

    def pixels(self, indices: Sequence[int]) -> Tensor:
        """Pictures as (N, 1, H, W) uint8, ink high."""
        if self._pixels is None:
            return self._read(indices)
        return self._pixels[torch.tensor(list(indices), dtype=torch.long)]

    def part(self, indices: Sequence[int]) -> LineData:
        """Some of the lines, in the order given."""
        picked, found = list(indices), copy.copy(self)
        if not picked:
            raise DataError("no lines to work on: a part of none was asked for")
        found.texts, found.names = [self.texts[i] for i in picked], [self.names[i] for i in picked]
        found._order = None
        if self.buckets:
            found.buckets, found.inked = min(self.buckets, len(picked)), self.inked[torch.tensor(picked)]
        if self._pixels is None:
            found._lines = _Picked(self._lines, picked)  # read when they are taken, as they are here
        else:
            found._pixels = self._pixels[torch.tensor(picked)]
        return found

    def first(self, count: int) -> LineData:
        """The first `count` lines, at least one; nothing is copied."""
        part, count = copy.copy(self), max(1, count)
        part.texts, part.names = self.texts[:count], self.names[:count]
        part._pixels = None if self._pixels is None else self._pixels[:count]
        if self.buckets:
            part.buckets, part.inked = min(self.buckets, count), self.inked[:count]
        return part

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int], device: torch.device | str = "cpu") -> Batch:
        """A batch of the named lines."""
        picked = list(indices)
        images = sent(self.pixels(picked), device).float() / 255
        return Batch(images, [self.texts[i] for i in picked] if self.labelled else None, picked)

    def batch(
        self, step: int, size: int, *, seed: int, rank: int = 0, world: int = 1, device: torch.device | str = "cpu"
    ) -> Batch:
        """The batch of a step, of which each process takes its share."""
        return self.take(self.picked(step, size, seed=seed)[rank::world], device)

    def picked(self, step: int, size: int, *, seed: int) -> list[int]:
        """The lines of a step's batch, of all processes: each epoch is a permutation by (seed, epoch)."""
        size = min(size, len(self))
        per_epoch = len(self) // size
        epoch, place = divmod(step, per_epoch)
        key, found = (seed * 1_000_003 + epoch, len(self), size if self.buckets else 0), self._order
        if found is None or found[0] != key:  # once an epoch: a step's cost must not grow with the lines
            generator = torch.Generator().manual_seed(key[0])
            order = torch.randperm(len(self), generator=generator)
            if self.buckets:
                inside = order[: per_epoch * size]
                order = bucketed(inside, self.inked, buckets=self.buckets, size=size, generator=generator)
            found = self._order = key, order
        return found[1][place * size : (place + 1) * size].tolist()

    def chunks(self, size: int = 32, device: torch.device | str = "cpu"):
        """All lines in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(range(start, min(start + size, len(self))), device)


class _Picked(Sequence[Line]):
    """Some lines of a sequence, which reads them when they are asked for."""

    def __init__(self, lines: Sequence[Line], picked: list[int]) -> None:
        self.lines, self.picked = lines, picked

    def __len__(self) -> int:
        return len(self.picked)

    def __getitem__(self, index: int) -> Line:  # type: ignore[override]
        return self.lines[self.picked[index]]
