"""The hub's layout, columns `image` and `text`: by a name on the hub, saved on disk, parquet, or an image folder."""

from __future__ import annotations

import csv
import glob
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_lm.errors import DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.foreign import check_regular, parse_json, read_text
from gradcheck_lm.htr.images import Pixels, check_head, read_image
from gradcheck_lm.htr.lines import Line, LineSet, first
from gradcheck_lm.htr.paths import exists, in_order, inside

IMAGE, TEXT, FILE = "image", "text", "file_name"
METADATA = ("metadata.csv", "metadata.jsonl")
SAVED = ("dataset_dict.json", "state.json")
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SPLIT = re.compile(r"^(train|validation|valid|val|dev|test)(?=\W|_|$)")


@dataclass(frozen=True)
class Row:
    """The picture of one row of a data set; calling it reads it.

    Args:
        table: anything that gives a row by its number; of `datasets`, memory-mapped.
        index: which row.
        folder: where pictures may lie whose row holds a path instead of bytes; None: nowhere.
        name: for messages.
    """

    table: Any
    index: int
    folder: Path | None
    name: str

    def __call__(self) -> Pixels:
        """(H, W) uint8, paper light and ink dark."""
        cell = self.table[self.index][IMAGE]
        data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
        if isinstance(data, bytes):
            return read_image(data, name=self.name)
        if isinstance(path, str) and self.folder is not None:
            return read_image(inside(self.folder, path, self.name))
        raise DataError(
            f"{self.name}: the column {IMAGE!r} holds {type(cell).__name__}, expected the bytes of an image"
        )


def read_hub(name: str, *, split: str | None = None) -> LineSet:
    """Lines of a data set on the hub, or of the hub's cache without a network: `Teklia/IAM-line`.

    Args:
        name: owner/name.
        split: which part, for example "train"; needed where there are several.
    Raises:
        DataError: no such data set or part, no network, or no column `image`.
        MissingPackageError: `datasets` is not installed.
    """
    datasets = _datasets(name)
    try:
        found = datasets.load_dataset(name, split=split)
    except Exception as error:  # the hub's client raises its own kinds for a missing name, network, permission or part
        first = str(error).strip().split("\n")[0]
        raise DataError(
            f"there is no file or folder {name!r}, and the hub gives no data set of this name"
            f"{f' with a part {split!r}' if split else ''} ({first}): check the spelling, the part and the network"
        ) from error
    return _lines(_part(found, split, name), name, None)


def read_saved(folder: str | Path, *, split: str | None = None) -> LineSet:
    """Lines of a data set that `save_to_disk` wrote.

    Raises:
        DataError: as `read_hub`; or a file of it that lies outside the folder.
    """
    folder = Path(folder)
    datasets = _datasets(folder)
    for state in in_order([*folder.glob("state.json"), *folder.glob("*/state.json")]):
        for name in _state_files(state):
            inside(state.parent, name, str(state))
    if (folder / SAVED[0]).is_file():
        parts = _json(folder / SAVED[0]).get("splits", [])
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise DataError(
                f"{folder / SAVED[0]}: 'splits' is {str(parts)[:80]}, expected names: save the data set again"
            )
        chosen = _choose(parts, split, folder)
        place = inside(folder, chosen, str(folder / SAVED[0]))
    else:
        place = folder
    try:
        found = datasets.load_from_disk(str(place))
    except Exception as error:  # Arrow and `datasets` raise many kinds for a damaged file
        raise DataError(f"{place} is no data set that can be read ({error}): save it again") from error
    return _lines(found, str(place), folder)


def read_parquet(source: str | Path, *, split: str | None = None) -> LineSet:
    """Lines of parquet files: one, or all below a folder, whose parts are known by their names (train-00000.parquet).

    Raises:
        DataError: as `read_hub`.
    """
    source = Path(source)
    datasets = _datasets(source)
    folder = source if source.is_dir() else source.parent
    files = in_order(source.rglob("*.parquet")) if source.is_dir() else [source]
    parts: dict[str, list[Path]] = {}
    for file in files:
        names = (*file.relative_to(folder).parts[:-1], file.stem)
        part = next((match.group(1) for match in map(_SPLIT.match, names) if match), "train")
        parts.setdefault(part, []).append(inside(folder, file.relative_to(folder).as_posix(), str(source)))
    chosen = _choose(sorted(parts), split, source)
    try:
        for file in parts[chosen]:
            check_regular(file)
        # a name is taken for a pattern, in which brackets and stars mean others
        named = [glob.escape(str(file)) for file in parts[chosen]]
        found = datasets.load_dataset("parquet", data_files=named, split="train")
    except DataError:
        raise
    except Exception as error:  # Arrow and `datasets` raise many kinds for a damaged file
        raise DataError(f"{source} holds parquet that cannot be read ({error}): fetch it again") from error
    return _lines(found, str(source), folder)


def read_image_folder(
    folder: str | Path, *, split: str | None = None, limit: int | None = None, labelled: bool = False
) -> LineSet:
    """Lines of an image folder: metadata.csv or metadata.jsonl with `file_name` and `text`, beside the pictures.

    Needs no package of the hub. With `split`, the folder of that name inside; `limit` and `labelled` as `open_lines`.

    Raises:
        DataError: a malformed row, a picture that is missing, damaged or outside; the row is named.
    """
    folder = Path(folder)
    folder = inside(folder, split, f"the part {split!r}") if split else folder
    table = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    if table is None:
        raise DataError(f"{folder} has no {' or '.join(METADATA)} with {FILE} and {TEXT}")
    return LineSet(first(_listed(folder, table), limit, labelled=labelled), source=str(table))


def _listed(folder: Path, table: Path) -> Iterator[Line]:
    """The lines of a metadata file, each with the head of its picture looked at."""
    for where, row in _rows(table):
        name, text = row.get(FILE), row.get(TEXT)
        if not isinstance(name, str) or not name or not isinstance(text, str | None):
            raise DataError(f"{where}: expected {FILE} and {TEXT}, got {str(row)[:80]}")
        path = inside(folder, name, where)
        if not exists(path):
            raise DataError(f"{where}: the image {name!r} does not exist in {folder}: add it, or take the row out")
        check_head(path, where)
        yield Line(path, _clean(text), name, folder.name)


def _datasets(name: str | Path) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingPackageError(
            f"{str(name)!r} is read with the package datasets, where it is no file or folder of ours: "
            f"{install_line('hub')}"
        ) from error
    datasets.disable_progress_bars()
    return datasets


def _part(found: Any, split: str | None, name: str) -> Any:
    """The one part of a data set, or the one asked for."""
    return found[_choose(list(found), split, name)] if isinstance(found, dict) else found


def _choose(parts: list[str], split: str | None, name: str | Path) -> str:
    if split is None and len(parts) == 1:
        return parts[0]
    if split not in parts:
        asked = f"has no part {split!r}" if split else "has several parts"
        raise DataError(f"{name} {asked}; there are {', '.join(parts) or 'none'}: say which with --split")
    return split


def _lines(table: Any, source: str, folder: Path | None) -> LineSet:
    table = _undecoded(table, source)
    texts = list(table[TEXT]) if TEXT in table.column_names else [None] * len(table)
    lines = []
    for index, text in enumerate(texts):
        name = f"{source}, row {index}"
        if not isinstance(text, str | None):
            raise DataError(f"{name}: the column {TEXT!r} holds {type(text).__name__}, expected text")
        lines.append(Line(Row(table, index, folder, name), _clean(text), f"{index:06d}", source))
    return LineSet(lines, source=source)


def _undecoded(table: Any, source: str) -> Any:
    """The columns that are read, as bytes and text: the package datasets decodes every column of a row that it gives,
    pictures of any format (PostScript too, which starts a program), sound, films and PDF."""
    from datasets import Image, Value

    if IMAGE not in table.column_names:
        raise DataError(f"{source} has the columns {', '.join(table.column_names)}; {IMAGE!r} and {TEXT!r} are read")
    table = table.with_format(None).select_columns([name for name in (IMAGE, TEXT) if name in table.column_names])
    if isinstance(table.features[IMAGE], Image):
        table = table.cast_column(IMAGE, Image(decode=False))  # decoded here, within the bound on pixels
    for name, kind in table.features.items():
        parts = kind.values() if isinstance(kind, dict) else [kind]
        if not (name == IMAGE and isinstance(kind, Image)) and not all(isinstance(part, Value) for part in parts):
            expected = "pictures, or their bytes" if name == IMAGE else "text"
            raise DataError(f"{source}: the column {name!r} holds {str(kind)[:80]}, expected {expected}")
    return table


def _clean(text: str | None) -> str | None:
    return unicodedata.normalize("NFC", text) if text and text.strip() else None


def _rows(table: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    text = read_text(table)
    if table.suffix == ".csv":
        try:
            for number, row in enumerate(csv.DictReader(text.split("\n")), 2):
                yield f"{table}, line {number}", row
        except csv.Error as error:
            raise DataError(f"{table} is no CSV that can be read: {error}") from error
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{table}, line {number}"
            try:
                row = parse_json(line)
            except ValueError as error:
                raise DataError(f"{where} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise DataError(f"{where}: expected {FILE} and {TEXT}, got {line[:80]}")
            yield where, row


def _json(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(read_text(path))
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}): save the data set again") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} is no JSON object: save the data set again")
    return found


def _state_files(state: Path) -> list[str]:
    try:
        return [str(file["filename"]) for file in _json(state).get("_data_files") or ()]
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{state} does not name its files: save the data set again") from error
