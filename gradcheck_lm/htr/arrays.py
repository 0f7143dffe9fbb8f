"""Arrays of numbers from files of strangers: .npy, .npz and CSV, never by running code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.paths import read_utf8

ARRAYS = (".npy", ".npz")
LARGEST = 4_000_000_000  # bytes of one file, packed or unpacked


def load_arrays(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array of a .npy, or those of a .npz by name; pickled objects are refused: to read them is to run their code.

    Raises:
        DataError: the file is missing, too large, damaged, or holds objects.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{path} has {size / 1e9:.1f} GB, at most {LARGEST / 1e9:.0f} are read: cut it into parts")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            unpacked = sum(member.file_size for member in loaded.zip.infolist()) if loaded.zip else 0
            if unpacked > LARGEST:
                raise DataError(
                    f"{path} unpacks to {unpacked / 1e9:.1f} GB, at most {LARGEST / 1e9:.0f} are read: cut it up"
                )
            return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: check the spelling") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise DataError(f"{path} holds no arrays that can be read without running code: {error}") from error


def read_csv(path: Path) -> NDArray[np.float32]:
    """(T, C): rows of numbers between `;` or `,`; a separator at the end of each row ends the row.

    Raises:
        DataError: the file is missing, empty, no UTF-8, or a row has other than numbers, or fewer; the row is named.
    """
    rows = [row.strip() for row in read_utf8(path, largest=LARGEST).split("\n") if row.strip()]
    mark = ";" if rows and ";" in rows[0] else ","
    table = []
    for number, row in enumerate(rows, 1):
        cells = row.removesuffix(mark).split(mark)
        try:
            table.append([float(cell) for cell in cells])
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}; expected numbers between {mark!r}") from error
        if len(table[-1]) != len(table[0]):
            raise DataError(
                f"{path}, line {number}: {len(table[-1])} numbers, the first row has {len(table[0])}: one a class"
            )
    if not table:
        raise DataError(f"{path} is empty: write T rows of C numbers")
    return np.asarray(table, np.float32)
