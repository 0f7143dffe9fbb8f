"""Where lines come from: one function that recognises what a file, a folder or a name is."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.foreign import read_text
from gradcheck_lm.htr.lines import LABELS, SUFFIXES, Line, LineSet, each_image, first, read_images, read_labels_tsv
from gradcheck_lm.htr.paths import in_order, inside
from gradcheck_lm.htr.readers import hub, iam
from gradcheck_lm.htr.readers.page_xml import ROOTS
from gradcheck_lm.htr.readers.pages import find_pages, read_pages
from gradcheck_lm.htr.readers.xml import root_name

HUB = "hub:"
TRANSCRIPTS = (".gt.txt", ".txt")
# what a folder is known by, in the order in which it is looked for; the words stand in the message where nothing fits
_KNOWN_BY = (
    (LABELS, f"{LABELS} (file, tab, text)"),
    ("iam", "ascii/lines.txt with lines/ (IAM)"),
    ("iam_forms", "xml/ with forms*/ (IAM)"),
    ("gt", "gt.txt (id, space, text) with id.png"),
    ("saved", "a data set saved on disk (dataset_dict.json or state.json)"),
    ("image_folder", "metadata.csv or metadata.jsonl (file_name, text)"),
    ("parquet", "parquet files with image and text"),
    ("pages", "PAGE-XML or ALTO files, also in folders inside"),
    ("images", f"images ({', '.join(SUFFIXES)}), with name.txt or name.gt.txt or without"),
)


def open_lines(
    source: str | Path | Iterable[str | Path],
    *,
    split: str | None = None,
    ok_only: bool = False,
    tags: Collection[str] = (),
    limit: int | None = None,
    labelled: bool = False,
) -> LineSet:
    """Lines from whatever holds some; pictures are decoded when they are asked for, and the order is always the same.

    Args:
        source: a folder with labels.tsv, of IAM, of PAGE-XML or ALTO pages, of images (with their transcripts beside
            them or without), of the hub's layouts; one such file; a name on the hub ("Teklia/IAM-line" or
            "hub:Teklia/IAM-line"); or several of these, one after the other.
        split: the part to take: of IAM a file with ids, of the hub's layouts a name such as "train".
        ok_only: of IAM, leave out lines whose flag is "err".
        tags: of pages, lines with one of these tags; "!tag" leaves lines out.
        limit: only so many lines are wanted: where each is a picture of its own, those behind them are not opened.
            Other sources may give more.
        labelled: with `limit`, that so many have a transcript.
    Returns:
        The lines; what was left out is in `notes`.
    Raises:
        DataError: nothing that holds lines, with what was looked for; or as the reader of that kind says.
        ArgumentError: a choice that this kind of source does not have.
        MissingPackageError: the kind needs a package that is not installed.
    """
    if not isinstance(source, str | Path):
        sources = list(source)
        if len(sources) == 1:
            return open_lines(sources[0], split=split, ok_only=ok_only, tags=tags, limit=limit, labelled=labelled)
        if sources and all(Path(path).suffix.lower() in SUFFIXES for path in sources):
            _only(sources[0], split=split, ok_only=ok_only, tags=tags)
            return LineSet(read_images(sources, limit=None if labelled else limit), source=_said(sources))
        sets = [
            open_lines(one, split=split, ok_only=ok_only, tags=tags, limit=limit, labelled=labelled) for one in sources
        ]
        notes = [f"{one.source}: {note}" for one in sets for note in one.notes]
        return LineSet((line for one in sets for line in one), source=_said(sources) or "nothing", notes=notes)
    name, path = os.fspath(source), Path(source)
    if name.startswith(HUB):
        _only(source, "split", split=split, ok_only=ok_only, tags=tags)
        return hub.read_hub(name[len(HUB) :], split=split)
    if path.is_dir():
        return _open_folder(path, split=split, ok_only=ok_only, tags=tags, limit=limit, labelled=labelled)
    if path.is_file():
        return _open_file(path, split=split, ok_only=ok_only, tags=tags, limit=limit, labelled=labelled)
    # a folder that is there and a file in it that is not is a slip of the pen, not a name on the hub
    if hub.HUB_NAME.fullmatch(path.as_posix()) and not path.parent.exists() and not path.suffix:
        _only(source, "split", split=split, ok_only=ok_only, tags=tags)
        return hub.read_hub(path.as_posix(), split=split)
    raise DataError(
        f"there is no image or folder {path}: name a line image, a folder of lines or pages, or a data set on the hub "
        f"(owner/name)"
    )


def kind_of(folder: str | Path) -> str | None:
    """What a folder is: the first entry of the list of kinds that fits, or None."""
    folder = Path(folder)
    if (folder / LABELS).is_file():
        return LABELS
    if any((folder / table).is_file() for table in iam.LISTS) and (folder / "lines").is_dir():
        return "iam"
    if (folder / "xml").is_dir() and any(path.is_dir() for path in folder.glob("forms*")):
        return "iam_forms"
    if (folder / "gt.txt").is_file():
        return "gt"
    if any((folder / name).is_file() for name in hub.SAVED):
        return "saved"
    if any((place / name).is_file() for name in hub.METADATA for place in (folder, *_folders(folder))):
        return "image_folder"
    if next(folder.rglob("*.parquet"), None) is not None:
        return "parquet"
    if find_pages(folder):
        return "pages"
    if any(path.suffix.lower() in SUFFIXES for path in folder.iterdir()):
        return "images"
    return None


def _open_folder(
    folder: Path, *, split: str | None, ok_only: bool, tags: Collection[str], limit: int | None, labelled: bool
) -> LineSet:
    kind = kind_of(folder)
    if kind in ("iam", "iam_forms"):
        _only(folder, "split", "ok_only", split=split, ok_only=ok_only, tags=tags)
        reader = iam.read_iam_lines if kind == "iam" else iam.read_iam_forms
        return reader(folder, split=split, ok_only=ok_only)
    if kind in ("gt", "saved", "image_folder", "parquet"):
        _only(folder, "split", split=split, ok_only=ok_only, tags=tags)
        if kind == "image_folder":
            return hub.read_image_folder(folder, split=split, limit=limit, labelled=labelled)
        return {"gt": iam.read_gt, "saved": hub.read_saved, "parquet": hub.read_parquet}[kind](folder, split=split)
    if kind == "pages":
        _only(folder, "tags", split=split, ok_only=ok_only, tags=tags)
        return read_pages(folder, tags=tags)
    if kind in (LABELS, "images"):
        _only(folder, split=split, ok_only=ok_only, tags=tags)
        if kind == LABELS:
            lines = read_labels_tsv(folder, limit=limit)
        else:
            lines = read_transcribed(folder, limit=limit, labelled=labelled)
        return LineSet(lines, source=str(folder))
    looked = "; ".join(words for _, words in _KNOWN_BY)
    raise DataError(f"the folder {folder} holds no images or lines that are known. Looked for: {looked}")


def _open_file(
    path: Path, *, split: str | None, ok_only: bool, tags: Collection[str], limit: int | None, labelled: bool
) -> LineSet:
    suffix = path.suffix.lower()
    if path.name == LABELS or path.name in hub.METADATA:
        return _open_folder(path.parent, split=split, ok_only=ok_only, tags=tags, limit=limit, labelled=labelled)
    if suffix == ".parquet":
        _only(path, "split", split=split, ok_only=ok_only, tags=tags)
        return hub.read_parquet(path, split=split)
    if suffix == ".xml" and root_name(path) in ROOTS:
        _only(path, "tags", split=split, ok_only=ok_only, tags=tags)
        return read_pages(path, tags=tags)
    if suffix == ".xml":
        raise DataError(f"{path} is neither PAGE-XML nor ALTO: its first element is {root_name(path) or 'not there'}")
    _only(path, split=split, ok_only=ok_only, tags=tags)
    return LineSet(read_images([path]), source=str(path))


def read_transcribed(folder: str | Path, *, limit: int | None = None, labelled: bool = False) -> list[Line]:
    """The images of a folder in order, each with the text of name.gt.txt or name.txt beside it, or None without.

    Args:
        limit, labelled: as `open_lines`.
    Raises:
        DataError: as `read_images`; a transcript that is no UTF-8 or has more than one line.
    """
    return list(first(map(_transcribed, each_image([folder])), limit, labelled=labelled))


def _transcribed(line: Line) -> Line:
    assert line.path is not None
    text = None
    for suffix in TRANSCRIPTS:
        beside = line.path.with_suffix(suffix)
        if beside.is_file():
            inside(beside.parent, beside.name, str(line.path))
            text = read_text(beside).strip("\n")
            if "\n" in text:
                raise DataError(f"{beside} has {text.count(chr(10)) + 1} lines, a line's transcript has one")
            break
    return line.with_text(unicodedata.normalize("NFC", text) if text and text.strip() else None)


def _only(source: str | Path, *has: str, split: str | None, ok_only: bool, tags: Collection[str]) -> None:
    """Refuse a choice that would be ignored: its user believes that it works."""
    for name, option, value in (
        ("split", "--split", split),
        ("ok_only", "--ok-only", ok_only),
        ("tags", "--tag", tags),
    ):
        if value and name not in has:
            raise ArgumentError(f"{option} means nothing for {source}: leave it out (docs/data.md lists who has it)")


def _folders(folder: Path) -> list[Path]:
    return in_order(path for path in folder.iterdir() if path.is_dir())


def _said(sources: list[str | Path]) -> str:
    return ", ".join(map(str, sources[:3])) + (", ..." if len(sources) > 3 else "")
