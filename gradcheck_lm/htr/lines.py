"""Lines of handwriting: read from folders and files with their transcripts, and made into batches for a recogniser."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, CharsetError, DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic
from gradcheck_lm.foreign import read_text
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNNConfig
from gradcheck_lm.htr.images import Pixels, check_head, ink_of, read_image
from gradcheck_lm.htr.paths import exists, in_order, inside

try:
    import numpy as np
    from PIL import Image
except ImportError as error:
    raise MissingPackageError(f"line images need {error.name}: {install_line('lab')}") from error

LABELS = "labels.tsv"
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".pgm")


class Line:
    """The picture of one line of handwriting.

    Args:
        image: (H, W) uint8, paper light and ink dark; or a file, which is read each time it is asked for; or a function
            that draws it.
        text: its transcript, or None where nobody wrote one.
        name: what to call it in tables and messages.
        hand: who wrote it, as far as known.
    """

    __slots__ = ("_image", "hand", "name", "text")

    def __init__(
        self,
        image: Pixels | str | Path | Callable[[], Pixels],
        text: str | None = None,
        name: str = "",
        hand: str = "",
    ) -> None:
        self._image: Pixels | Path | Callable[[], Pixels]
        if isinstance(image, str | Path):
            self._image = Path(image)
        else:
            self._image = image if callable(image) else _as_pixels(image, name)
        self.text, self.hand = text, hand
        self.name = name or (self._image.name if isinstance(self._image, Path) else "")

    @property
    def path(self) -> Path | None:
        """The file it comes from, if any."""
        return self._image if isinstance(self._image, Path) else None

    @property
    def image(self) -> Pixels:
        """(H, W) uint8, paper light and ink dark.

        Raises:
            DataError: the file is missing, empty, damaged, too large or no image.
        """
        if isinstance(self._image, Path):
            return read_image(self._image)
        return self._image() if callable(self._image) else self._image

    def with_text(self, text: str | None) -> Line:
        """The same picture with another transcript; nothing is read."""
        return Line(self._image, text, self.name, self.hand)

    def __repr__(self) -> str:
        return f"Line({self.name!r}, text={self.text!r}, hand={self.hand!r})"


class LineSet(Sequence[Line]):
    """Some lines, at least one, with the questions that one asks of all of them.

    Args:
        lines: pictures, which are read when they are asked for.
        source: where they are from, in words.
        notes: what a reader left out and why, a sentence each.
    Raises:
        DataError: there is no line.
    """

    def __init__(self, lines: Iterable[Line], *, source: str = "", notes: Iterable[str] = ()) -> None:
        self.lines = tuple(lines)
        self.source, self.notes = source, tuple(notes)
        if not self.lines:
            raise DataError(f"{source or 'the set'} holds no lines: at least one is needed")

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        return list(self.lines[index]) if isinstance(index, slice) else self.lines[index]

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    @property
    def labelled(self) -> bool:
        """Whether every line has a transcript."""
        return all(line.text is not None for line in self.lines)

    @property
    def texts(self) -> list[str]:
        """The transcripts.

        Raises:
            DataError: a line has none.
        """
        for line in self.lines:
            if line.text is None:
                raise DataError(
                    f"the line {line.name!r} has no transcript: name a folder with a {LABELS} (file, tab, text)"
                )
        return [line.text for line in self.lines if line.text is not None]

    def check_charset(self, charset: Charset) -> None:
        """Raise CharsetError, naming the lines, where transcripts hold characters that the charset lacks."""
        bad = [(line, charset.missing(line.text)) for line in self.lines if line.text and not charset.covers(line.text)]
        if bad:
            line, missing = bad[0]
            characters = "".join(sorted({character for _, lacking in bad for character in lacking}))
            raise CharsetError(
                f"{len(bad)} of {len(self)} transcripts of {self.source or 'the set'} hold characters that the "
                f"charset of {len(charset.characters)} does not have: {characters!r}. "
                f"The first is {line.name}: {line.text!r} has {missing!r}. "
                f"Mend the transcripts, or train with a charset that has them"
            )

    def __repr__(self) -> str:
        return f"LineSet({len(self)} lines{f' of {self.source}' if self.source else ''})"


def first(lines: Iterable[Line], limit: int | None, *, labelled: bool = False) -> Iterator[Line]:
    """The lines up to the `limit`-th, of those with a transcript where `labelled`; None: all.

    Readers look at a picture's head as they come to its line: those behind the last are not opened.
    """
    left = -1 if limit is None else limit
    for line in lines:
        yield line
        left -= line.text is not None or not labelled
        if left == 0:
            return


def read_labels_tsv(folder: str | Path, *, limit: int | None = None) -> list[Line]:
    """The lines of a folder: its labels.tsv has one row per image: file, tab, transcript, in UTF-8.

    Every image's head is looked at, its pixels are read when they are asked for.

    Args:
        limit: read no further than to so many lines; None: all.
    Raises:
        DataError: the folder, labels.tsv or an image is missing, empty or malformed; the row is named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"there is no folder {folder}: name one that holds line images and a {LABELS} (file, tab, text)"
        )
    table = folder / LABELS
    if not table.is_file():
        raise DataError(f"{folder} has no {LABELS}: write one, with a row for each image: file, tab, text")
    rows = read_text(table).split("\n")
    every = (_labelled(folder, row, f"{table}, line {number}") for number, row in enumerate(rows, 1) if row.strip())
    lines = list(first(every, limit))
    if not lines:
        raise DataError(f"{table} is empty: write a row for each image: file, tab, text")
    return lines


def read_images(paths: Iterable[str | Path], *, limit: int | None = None) -> list[Line]:
    """Lines without transcripts, from image files and from folders of them, each folder in order of its names.

    Args:
        limit: look at no more than so many; None: all.
    Raises:
        DataError: a path that is missing, a folder without images, or a file that is none.
    """
    return list(first(each_image(paths), limit))


def each_image(paths: Iterable[str | Path]) -> Iterator[Line]:
    """As `read_images`, one at a time: the head of a picture is looked at when its line is asked for."""
    files: list[Path] = []
    for path in [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]:
        if path.is_dir():
            found = in_order(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
            if not found:
                raise DataError(f"the folder {path} holds no images ({', '.join(SUFFIXES)})")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise DataError(f"there is no image or folder {path}: name a line image, or a folder of them")
    if not files:
        raise DataError("no images were named: name line images, or folders of them")
    for file in files:
        check_head(file, str(file))
        yield Line(file, None, file.name, file.parent.name)


def write_labels_tsv(lines: Iterable[Line], folder: str | Path) -> Path:
    """Write lines as PNG files and labels.tsv, which comes last: a folder that has it is whole.

    Raises:
        DataError: a line without transcript or with one that labels.tsv cannot hold, or a disk that refuses.
    """
    folder = Path(folder)
    rows: list[str] = []
    for number, line in enumerate(lines):
        if line.text is None or not line.text.strip() or set(line.text) & set("\t\r\n"):
            raise DataError(
                f"the line {line.name!r} cannot stand in {LABELS}: its text is {line.text!r}; it needs one, without "
                f"tabs and line breaks"
            )
        name = f"{number:05d}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not rows:
                (folder / LABELS).unlink(missing_ok=True)  # it would speak of other images
            stream = BytesIO()
            Image.fromarray(line.image).save(stream, "PNG")
            write_bytes_atomic(folder / name, stream.getvalue())
        except OSError as error:
            raise DataError(f"cannot write {folder / name}: {error.strerror or error}") from error
        rows.append(f"{name}\t{line.text}\n")
    if not rows:
        raise DataError(f"no lines to write to {folder}")
    write_text_atomic(folder / LABELS, "".join(rows))
    return folder


def to_batch(lines: Sequence[Line], config: CRNNConfig, *, device: torch.device | str | None = None) -> Tensor:
    """Line images as a recogniser reads them.

    Each is scaled to the config's height; it keeps its shape if that fits the width, and is squeezed if it does not.
    The paper's tone, which may change along the line, becomes 0.

    Returns:
        (N, 1, H, W) float32 in 0 to 1, ink high; to the right of a line there is paper, 0.
    Raises:
        DataError: an image cannot be read.
        ArgumentError: no lines.
    """
    if not len(lines):
        raise ArgumentError("a batch needs at least one line, got none")
    batch = np.zeros((len(lines), 1, config.height, config.width), np.float32)
    for row, line in zip(batch, lines, strict=True):
        ink = ink_of(line.image, height=config.height, widest=config.width)
        row[0, :, : ink.shape[1]] = ink
    return torch.from_numpy(batch).to(device) if device is not None else torch.from_numpy(batch)


def _labelled(folder: Path, row: str, where: str) -> Line:
    name, tab, text = row.rstrip("\r").partition("\t")
    if not tab or "\t" in text:
        raise DataError(f"{where}: {row.count(chr(9)) + 1} columns in {row[:80]!r}, expected 2: file, tab, text")
    if not name.strip() or not text.strip():
        raise DataError(f"{where}: the {'text' if name.strip() else 'file name'} is empty in {row[:80]!r}")
    path = inside(folder, name, where)
    if not exists(path):
        raise DataError(f"{where}: the image {name!r} does not exist in {folder}: add it, or take the row out")
    check_head(path, where)
    return Line(path, unicodedata.normalize("NFC", text), name, folder.name)


def _as_pixels(image: Any, name: str) -> Pixels:
    if not isinstance(image, np.ndarray) or image.ndim != 2 or image.dtype != np.uint8 or not image.size:
        shape = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ArgumentError(f"the image of the line {name!r} must be an (H, W) uint8 array or a file, got {shape}")
    return image
