"""Arrays of numbers and texts from files of strangers: .npy, .npz and CSV, never by running code."""

from __future__ import annotations

from array import array as numbers
from collections.abc import Collection
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck_lm import bounds
from gradcheck_lm.errors import DataError
from gradcheck_lm.foreign import check_regular, read_bytes

ARRAYS = (".npy", ".npz")


def load_arrays(
    path: Path, wanted: Collection[str] = (), *, needed: str = ""
) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array of a .npy, or those of a .npz by name; pickled objects are refused: to read them is to run their code.

    Args:
        wanted: of a .npz, read these alone; empty: all.
        needed: of a .npz, the one that must be there.
    Raises:
        DataError: the file is missing, too large, damaged, or holds objects.
    """
    try:
        bounds.ARRAYS.hold(check_regular(path), str(path))
        with open(path, "rb") as stream:  # by its name, numpy would leave a damaged archive open
            loaded = np.load(stream, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _members(loaded, path, wanted, needed)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: check the spelling") from None
    except Exception as error:  # a damaged or hostile head makes numpy, zipfile and the tokenizer raise almost anything
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path} holds no arrays that can be read without running code: {said}") from error


def _members(archive: Any, path: Path, wanted: Collection[str], needed: str) -> dict[str, NDArray[Any]]:
    with archive:
        if needed and needed not in archive.files:
            there = ", ".join(archive.files[:8]) or "nothing"
            raise DataError(f"{path} holds {there}; {needed!r} is needed")
        names = [name for name in archive.files if not wanted or name in wanted]
        sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.zip.infolist()}
        bounds.ARRAYS.hold(sum(sizes.get(name, 0) for name in names), str(path), verb="unpacks to")
        return {name: np.asarray(archive[name]) for name in names}


def texts_of(array: NDArray[Any], where: str) -> list[str]:
    """The texts of an array of them, in one row; bytes are UTF-8.

    Raises:
        DataError: it holds something else, or bytes that are no UTF-8; `where` says which.
    """
    if array.dtype.kind not in "UST":
        raise DataError(f"{where} are {array.dtype}, expected texts: save them as an array of str")
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        points = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).ravel().view(np.uint32)
        # such a str would be one that Python cannot handle, or that no file can hold
        if points.max() > 0x10FFFF or ((points >= 0xD800) & (points < 0xE000)).any():
            raise DataError(f"{where} hold numbers that are no Unicode: save them as an array of str")
    try:
        return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in np.atleast_1d(array).ravel()]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} are bytes, and {error.object[:40]!r} is no UTF-8: save them as an array of str"
        ) from error


def read_csv(path: Path) -> NDArray[np.float32]:
    """(T, C): rows of numbers between `;` or `,`; a separator at the end of each row ends the row.

    Raises:
        DataError: the file is missing, empty, no UTF-8, or a row has other than numbers, or fewer; the row is named.
    """
    try:
        data = read_bytes(path, bounds.CSV)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    found = numbers("f")  # four bytes a number: lists of them would take twenty times what the file has
    rows = width = 0
    mark = ""
    for place, line in enumerate(BytesIO(data.removeprefix(b"\xef\xbb\xbf")), 1):
        where = f"{path}, line {place}"
        try:
            row = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{where} is not UTF-8: save it as UTF-8 (iconv -f LATIN1 -t UTF-8)") from error
        if not row:
            continue
        mark = mark or (";" if ";" in row else ",")
        row = row.removesuffix(mark)
        classes = row.count(mark) + 1
        bounds.CHARSET.hold(classes - 1, where)
        if rows and classes != width:
            raise DataError(f"{where}: {classes} numbers, the first row has {width}: one a class")
        try:
            found.extend(map(float, row.split(mark)))
        except ValueError as error:
            raise DataError(f"{where}: {str(error)[:120]}; expected numbers between {mark!r}") from error
        rows, width = rows + 1, classes
    if not rows:
        raise DataError(f"{path} is empty: write T rows of C numbers")
    return np.frombuffer(found, np.float32).reshape(rows, width)
