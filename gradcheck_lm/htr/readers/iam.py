"""The IAM handwriting database: its ASCII lists with line images, its XML forms, and the folder that a recipe makes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_lm.errors import DataError
from gradcheck_lm.foreign import read_text
from gradcheck_lm.htr.images import check_head
from gradcheck_lm.htr.lines import Line, LineSet
from gradcheck_lm.htr.paths import exists, in_order, inside
from gradcheck_lm.htr.readers.crops import Crop
from gradcheck_lm.htr.readers.xml import below, named, number, read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LISTS = ("ascii/lines.txt", "lines.txt")
PAD = 4  # pixels above and below a form's line, and twice as many at its ends
_FIELDS = 9  # of a row: id, flag, grey level, components, x, y, width, height, text
# the forms escape twice: what is left after the XML has been read
_ESCAPES = (("&amp;", "&"), ("&quot;", '"'), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"))


def read_iam_lines(folder: str | Path, *, split: str | Path | None = None, ok_only: bool = False) -> LineSet:
    """Lines of ascii/lines.txt with their pictures under lines/.

    The words of a transcript stand between `|`, which becomes a space; punctuation is a word of its own in this list,
    and stays so. `hand` is the writer's number where ascii/forms.txt is there, else the form.

    Args:
        folder: holds ascii/lines.txt (or lines.txt) and lines/a01/a01-000u/a01-000u-00.png, or lines/a01-000u-00.png.
        split: a file with the ids of forms or of lines, one a row; None takes all.
        ok_only: leave out lines whose words were not all found by the segmentation (flag "err").
    Raises:
        DataError: no such files, a malformed row (it is named), or nothing left.
    """
    folder = Path(folder)
    table = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    if table is None:
        raise DataError(f"{folder} has no {LISTS[0]}: name the folder that holds ascii/ and lines/ of IAM")
    wanted, writers = read_split(split) if split is not None else None, _writers(table.with_name("forms.txt"))
    lines: list[Line] = []
    missing: list[str] = []
    left_out: Counter[str] = Counter()
    for place, row in enumerate(read_text(table).split("\n"), 1):
        if not row.strip() or row.startswith("#"):
            continue
        where = f"{table}, line {place}"
        fields = row.strip().split(" ", _FIELDS - 1)
        if len(fields) < _FIELDS or fields[1] not in ("ok", "err"):
            raise DataError(
                f"{where}: {row[:80]!r} is no row of IAM: expected id, ok or err, grey level, components, x, y, width, "
                f"height, text"
            )
        name, flag, text = fields[0], fields[1], " ".join(fields[-1].replace("|", " ").split())
        form = name.rpartition("-")[0]
        if wanted is not None and not {name, form} & wanted:
            left_out["not in the split"] += 1
        elif ok_only and flag == "err":
            left_out['have the flag "err"'] += 1
        elif not text:
            left_out["have no text"] += 1
        elif (path := _picture(folder / "lines", name, where)) is None:
            missing.append(name)
        else:
            lines.append(Line(path, unicodedata.normalize("NFC", text), name, writers.get(form, form)))
    return _collect(lines, table, split, left_out, missing, f"{folder / 'lines'}")


def read_iam_forms(
    folder: str | Path, *, split: str | Path | None = None, ok_only: bool = False, pad: int = PAD
) -> LineSet:
    """Lines cut out of the pictures of whole forms, where the XML says that their words are.

    As the recipe of Retsinas et al. cuts them: the box around all components of all words of a line, `pad` pixels more
    above and below and twice as many at the ends. (The recipe halves the pictures first and then pads by 2: the same.)
    Transcripts come from the XML, with punctuation where the writer put it.

    Args:
        folder: holds xml/a01-000u.xml and a01-000u.png in a folder forms*/ (all of them are looked into).
        split, ok_only: as `read_iam_lines`.
        pad: pixels of the form's picture.
    Raises:
        DataError: as `read_iam_lines`.
    """
    folder = Path(folder)
    files = in_order((folder / "xml").glob("*.xml"))
    shelves = in_order(path for path in folder.glob("forms*") if path.is_dir())
    if not files or not shelves:
        raise DataError(f"{folder} needs IAM's xml/*.xml and the pictures of its forms in forms*/")
    wanted = read_split(split) if split is not None else None
    forms = {form for name in wanted or () for form in (name, name.rpartition("-")[0])}
    lines: list[Line] = []
    missing: list[str] = []
    left_out: Counter[str] = Counter()
    for file in files:
        if wanted is not None and file.stem not in forms:
            left_out["not in the split"] += 1
            continue
        page = next((inside(folder, f"{shelf.name}/{file.stem}.png", str(file)) for shelf in shelves
                     if exists(shelf / f"{file.stem}.png")), None)  # fmt: skip
        if page is None:
            missing.append(file.stem)
            continue
        form = read_xml(file)
        size = check_head(page, str(file))
        for line in (line for part in named(form, "handwritten-part") for line in named(part, "line")):
            name, text = line.get("id", ""), " ".join(_unescape(line.get("text", "")).split())
            box = _box(line, size, pad, f"{file}, {name}")
            if wanted is not None and not {name, file.stem} & wanted:
                left_out["not in the split"] += 1
            elif ok_only and line.get("segmentation") == "err":
                left_out['have the flag "err"'] += 1
            elif not text or box is None:
                left_out["have no text or no words"] += 1
            else:
                crop = Crop(page, box, name=name)
                lines.append(Line(crop, unicodedata.normalize("NFC", text), name, form.get("writer-id") or file.stem))
    return _collect(lines, folder / "xml", split, left_out, missing, ", ".join(shelf.name for shelf in shelves))


def read_gt(folder: str | Path, *, split: str | Path | None = None) -> LineSet:
    """The folder that the best-practices recipe prepares: gt.txt with rows "id text", and id.png beside it.

    Raises:
        DataError: as `read_iam_lines`.
    """
    folder = Path(folder)
    table = folder / "gt.txt"
    wanted = read_split(split) if split is not None else None
    lines: list[Line] = []
    missing: list[str] = []
    left_out: Counter[str] = Counter()
    for place, row in enumerate(read_text(table).split("\n"), 1):
        if not row.strip():
            continue
        name, _, text = row.strip().partition(" ")
        path = inside(folder, f"{name}.png", f"{table}, line {place}")
        form = name.rpartition("-")[0]
        if not text.strip():
            left_out["have no text"] += 1
        elif wanted is not None and not {name, form} & wanted:
            left_out["not in the split"] += 1
        elif not exists(path):
            missing.append(name)
        else:
            lines.append(Line(path, unicodedata.normalize("NFC", text.strip()), name, form))
    return _collect(lines, table, split, left_out, missing, str(folder))


def read_split(path: str | Path) -> set[str]:
    """The ids of forms or lines in a split's file, one a row, as the official and the Aachen splits have them.

    Raises:
        DataError: the file cannot be read or is empty.
    """
    if not Path(path).is_file():
        raise DataError(f"there is no split {path}: a split of IAM is a file with the ids of forms or lines, one a row")
    names = {row.strip() for row in read_text(path).split("\n") if row.strip() and not row.startswith("#")}
    if not names:
        raise DataError(f"the split {path} is empty: write ids of forms (a01-000u) or lines (a01-000u-00), one a row")
    return names


def _collect(
    lines: list[Line], table: Path, split: str | Path | None, left_out: Counter[str], missing: list[str], shelf: str
) -> LineSet:
    notes = [f"{count} left out: {why}" for why, count in left_out.items() if why != "not in the split"]
    if missing:
        listed = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
        notes.append(f"{len(missing)} have no picture in {shelf} and were left out: {listed}")
    if not lines:
        why = "; ".join([*notes, *(f"{count} {why}" for why, count in left_out.items() if why == "not in the split")])
        of = f" in the split {split}" if split is not None else ""
        raise DataError(f"{table} gives no lines{of} ({why or 'it is empty'})")
    return LineSet(lines, source=str(table), notes=notes)


def _picture(shelf: Path, name: str, where: str) -> Path | None:
    """lines/a01/a01-000u/a01-000u-00.png as in the archive, or lines/a01-000u-00.png."""
    form = name.rpartition("-")[0]
    for place in (f"{name.partition('-')[0]}/{form}/{name}.png", f"{name}.png"):
        path = inside(shelf, place, where)
        if exists(path):
            return path
    return None


def _writers(table: Path) -> dict[str, str]:
    """Form to writer, from ascii/forms.txt where it is."""
    if not table.is_file():
        return {}
    rows = (row.split() for row in read_text(table).split("\n") if row.strip() and not row.startswith("#"))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def _unescape(text: str) -> str:
    for escaped, character in _ESCAPES:
        text = text.replace(escaped, character)
    return text


def _box(line: Element, size: tuple[int, int], pad: int, where: str) -> tuple[int, int, int, int] | None:
    """The box around all components of a line's words, padded, within a picture of (height, width)."""
    boxes = [
        tuple(int(number(part, name, where)) for name in ("x", "y", "width", "height")) for part in below(line, "cmp")
    ]
    if not boxes:
        return None
    left, top = min(x for x, _, _, _ in boxes), min(y for _, y, _, _ in boxes)
    right, bottom = max(x + w for x, _, w, _ in boxes), max(y + h for _, y, _, h in boxes)
    box = (
        max(0, left - 2 * pad), max(0, top - pad), min(size[1], right + 2 * pad), min(size[0], bottom + pad)
    )  # fmt: skip
    return box if box[0] < box[2] and box[1] < box[3] else None
