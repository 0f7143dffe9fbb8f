"""Logits of other people's recognisers: .npy, .npz or CSV, with the charset that says what their classes are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradcheck_lm import bounds
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.foreign import read_text
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.lines import LABELS
from gradcheck_lm.htr.lines import SUFFIXES as PICTURES
from gradcheck_lm.htr.paths import in_order, inside
from gradcheck_lm.htr.readers.arrays import ARRAYS, load_arrays, read_csv, texts_of

SUFFIXES = (*ARRAYS, ".csv")
CHARSETS = ("charset.txt", "characters.txt", "chars.txt", "charList.txt")
_NAMES = ("logits", "labels", "characters", "lengths", "blank")
_CERTAIN = -1e4  # the logit of a class that padding cannot be: its probability is 0 in any float


@dataclass(frozen=True)
class LineLogits:
    """logits: (T, N, C) float32, the blank first; lengths: (N,) frames of each line, behind which there is only blank;
    names; transcripts or None; charset; source in words."""

    logits: Tensor
    lengths: Tensor
    names: list[str]
    transcripts: list[str] | None
    charset: Charset
    source: str

    def first(self, count: int | None) -> LineLogits:
        """The first `count` lines; None: all."""
        if count is None or count >= len(self.names):
            return self
        lengths = self.lengths[:count]
        return replace(
            self,
            logits=self.logits[: int(lengths.max()), :count],
            lengths=lengths,
            names=self.names[:count],
            transcripts=None if self.transcripts is None else self.transcripts[:count],
        )


def is_logits(source: str | Path) -> bool:
    """Whether a file or folder holds logits: .npy or .npz, a .csv, or a folder of .npy or .csv
    files without pictures."""
    path = Path(source)
    if path.is_dir():
        pictures = any(file.suffix.lower() in PICTURES for file in path.iterdir())
        return not pictures and path / "metadata.csv" not in _files(path) and bool(_files(path))
    return path.suffix.lower() in SUFFIXES and path.name != "metadata.csv"


def read_logits(
    source: str | Path, *, charset: Charset | str | Path | None = None, blank: str = "", default: Charset | None = None
) -> LineLogits:
    """Logits as a recogniser wrote them, made (T, N, C) with the blank first.

    Args:
        source: .npy: (T, N, C), or (T, C) for one line. .npz: `logits` and, where known, `labels`, `characters`,
            `lengths` and `blank`. .csv: one line, T rows of C numbers between `;` (one more `;` at the end is fine) or
            `,`. Or a folder of .npy or .csv files, one a line, with their transcripts as name.txt or in labels.tsv, and
            the charset as charset.txt.
        charset: the characters in the order of their classes without the blank: a Charset, or a UTF-8 file with all in
            one row or one a row. It goes before `characters` of the .npz and charset.txt of the folder.
        blank: "first" or "last": which class is the blank. It goes before `blank` of the .npz; "first" where nobody
            says.
        default: the charset where there is no other.
    Raises:
        DataError: a file that is missing, damaged, or whose arrays only running code (pickle) could give back.
        ArgumentError: shapes, charset, labels or lengths that do not fit one another, with their sizes.
    """
    path = Path(source)
    if not path.exists():
        raise DataError(f"there is no file {path}: check the spelling")
    if path.is_dir():
        found = _read_folder(path)
    elif path.suffix.lower() == ".csv":
        found = {"lines": [read_csv(path)], "names": [path.stem]}
    elif path.suffix.lower() in ARRAYS:
        found = _read_arrays(path)
    else:
        raise DataError(f"{path} is no {', '.join(SUFFIXES)} file, nor a folder of these: logits come in one of them")
    if charset is None:
        charset = found.get("characters") or next((path / name for name in CHARSETS if (path / name).is_file()), None)
    if charset is None:
        charset = default
    if charset is None:
        raise ArgumentError(f"{path} comes without a charset: give --charset FILE, the characters in class order")
    characters = charset if isinstance(charset, Charset) else read_charset(charset)
    logits, lengths = _stack(found, path)
    if characters.size != logits.shape[2]:
        raise ArgumentError(
            f"logits of {path} have C = {logits.shape[2]} classes and the charset makes {characters.size}: put the "
            "characters, in the order of their classes and without the blank, into the .npz as 'characters', or into a "
            "file for --charset"
        )
    place = blank or str(found.get("blank", "first"))
    if place not in ("first", "last"):
        raise ArgumentError(f"the blank of {path} is said to be {place!r}; it is 'first' or 'last'")
    if place == "last":
        for frame in logits:  # one by one: all at once would take the memory twice
            frame.copy_(frame.roll(1, dims=1))
    for line, length in enumerate(lengths.tolist()):  # behind a line's end there is the blank, and nothing else
        logits[length:, line] = _CERTAIN
        logits[length:, line, 0] = 0
    names = found.get("names") or [f"line {index}" for index in range(logits.shape[1])]
    texts = found.get("labels")
    if texts is not None and len(texts) != logits.shape[1]:
        raise ArgumentError(f"{path} holds {len(texts)} labels for N = {logits.shape[1]} lines: one a line")
    return LineLogits(logits, lengths, names, texts, characters, str(path))


def read_charset(path: str | Path | Charset) -> Charset:
    """The characters of a file: all in one row, or one a row; a .npy array of single characters; in class order.

    Raises:
        DataError: the file cannot be read or is empty. ArgumentError: a character twice.
    """
    if isinstance(path, Charset):
        return path
    path = Path(path)
    if path.suffix.lower() == ".npy":
        array = load_arrays(path)
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path} holds no array of characters: save one, or write them into a text file")
        characters = "".join(texts_of(array, f"the characters of {path}"))
    else:
        rows = read_text(path).removesuffix("\n").split("\n")
        # a space is a character: rows are not stripped
        characters = "".join(rows) if len(rows) > 1 and all(len(row) == 1 for row in rows) else rows[0]
        if len(rows) > 1 and not all(len(row) == 1 for row in rows):
            raise DataError(f"{path} has {len(rows)} rows of several characters: write all in one row, or one a row")
    if not characters:
        raise DataError(f"{path} holds no characters: write those of classes 1 to C - 1, without the blank")
    return Charset(characters)


def _read_arrays(path: Path) -> dict[str, Any]:
    loaded = load_arrays(path, _NAMES, needed="logits")
    arrays = {"logits": loaded} if isinstance(loaded, np.ndarray) else loaded
    found: dict[str, Any] = {"logits": arrays["logits"]}
    if "characters" in arrays:
        found["characters"] = Charset("".join(texts_of(arrays["characters"], f"'characters' of {path}")))
    if "labels" in arrays:
        found["labels"] = texts_of(arrays["labels"], f"'labels' of {path}")
    if "blank" in arrays:
        found["blank"] = "".join(texts_of(arrays["blank"], f"'blank' of {path}"))
    if "lengths" in arrays:
        found["lengths"] = _whole_numbers(arrays["lengths"], path)
    return found


def _whole_numbers(array: np.ndarray, path: Path) -> np.ndarray:
    flat = np.atleast_1d(array).ravel()
    if flat.dtype.kind not in "iuf" or not np.array_equal(flat, np.trunc(flat)) or np.abs(flat).max(initial=0) > 2**31:
        raise ArgumentError(
            f"{path}: 'lengths' are {flat.dtype} {flat[:8].tolist()}; wanted are whole numbers of frames"
        )
    return flat.astype(np.int64)


def _files(folder: Path) -> list[Path]:
    return in_order(path for path in folder.iterdir() if path.suffix.lower() in (".npy", ".csv") and path.is_file())


def _read_folder(folder: Path) -> dict[str, Any]:
    files = _files(folder)
    if not files:
        raise DataError(f"the folder {folder} holds no .npy or .csv files with logits, one a line")
    lines: list[np.ndarray] = []
    longest = 0
    for file in files:
        inside(folder, file.name, str(folder))
        array = read_csv(file) if file.suffix.lower() == ".csv" else np.asarray(load_arrays(file))
        lines.append(array)
        longest = max(longest, array.nbytes)  # all are padded to the longest
        bounds.ARRAYS.hold(longest * len(lines), str(folder), verb="unpacks to")
    found: dict[str, Any] = {"lines": lines, "names": [file.name for file in files]}
    texts = _texts(folder, files)
    if texts:
        lacking = [file.name for file in files if file.name not in texts]
        if lacking:
            raise DataError(
                f"{len(lacking)} of {len(files)} files of {folder} have no transcript (the first is {lacking[0]}): "
                f"write all, as name.txt or in {LABELS}, or none"
            )
        found["labels"] = [texts[file.name] for file in files]
    return found


def _texts(folder: Path, files: list[Path]) -> dict[str, str]:
    if (folder / LABELS).is_file():
        rows = (row.partition("\t") for row in read_text(folder / LABELS).split("\n") if row.strip())
        return {name: text for name, tab, text in rows if tab}
    beside = {file.name: file.with_suffix(".txt") for file in files}
    found = {name: path for name, path in beside.items() if path.is_file() and path.name not in CHARSETS}
    return {name: read_text(inside(folder, path.name, name)).strip("\n") for name, path in found.items()}


def _stack(found: dict[str, Any], path: Path) -> tuple[Tensor, Tensor]:
    """Logits (T, N, C) float32 of their own memory, and the lengths (N,)."""
    if "lines" in found:
        lines = [_numbers(line, path, 2) for line in found["lines"]]
        widths = sorted({line.shape[1] for line in lines})
        if len(widths) > 1:
            raise ArgumentError(f"the files of {path} have {widths} classes: all must have the same")
        lengths = torch.tensor([len(line) for line in lines])
        return torch.nn.utils.rnn.pad_sequence(lines), lengths
    array = np.asarray(found["logits"])
    logits = _numbers(array, path, 3 if array.ndim != 2 else 2)
    logits = logits[:, None] if logits.ndim == 2 else logits
    frames, count = logits.shape[:2]
    if "lengths" not in found:
        return logits, torch.full((count,), frames)
    lengths = torch.from_numpy(found["lengths"])
    if len(lengths) != count or (count and not 1 <= int(lengths.min()) <= int(lengths.max()) <= frames):
        raise ArgumentError(f"{path}: 'lengths' are {lengths.tolist()[:8]}; wanted are {count} of 1 to T = {frames}")
    return logits, lengths


def _numbers(array: np.ndarray, path: Path, axes: int) -> Tensor:
    if array.ndim != axes or array.dtype.kind != "f" or not array.size:
        wanted = "(T, N, C), or (T, C) for one line" if axes == 3 else "(T, C)"
        raise ArgumentError(f"logits of {path} are {array.shape} {array.dtype}; wanted are floats {wanted}")
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused
        values = np.require(array.astype(np.float32, copy=False), requirements="W")
    tensor = torch.from_numpy(values).clamp_(min=_CERTAIN)  # log 0 is -inf in log-probabilities
    low, high = tensor.aminmax()  # nan where there is one; isfinite would take the memory twice more
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise ArgumentError(f"logits of {path} hold nan or infinite values: look for what made them")
    if low >= 0 and torch.allclose(tensor.sum(-1), torch.ones(()), atol=1e-3):
        raise ArgumentError(
            f"logits of {path} are probabilities (each frame sums to 1): give their logarithm, or what the softmax read"
        )
    return tensor
