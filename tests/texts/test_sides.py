"""No test line is in any training text, whichever Python runs; one rule for all texts and models."""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

import pytest

import gradcheck_lm
from gradcheck_lm.htr import Charset
from gradcheck_lm.htr.synthetic.text import clean_text, load_sentences, read_paragraphs
from gradcheck_lm.texts import collect, sources
from gradcheck_lm.texts.sides import is_test, lines_in_none_of

STANDARD = Charset.standard()
# of the lines that all experiments read; where it changes, no old record may stand beside a new one
LINES_HASH = "cbf213f65f8809b8"


def training_text(source: str) -> list[str]:
    return [clean_text(paragraph, STANDARD) for paragraph in read_paragraphs(source) if not is_test(paragraph)]


def test_no_test_line_is_part_of_the_text_that_a_model_learns_from() -> None:
    lines = load_sentences("stdlib", split="test")
    assert len(lines) > 1700
    joined = "\n".join([*training_text("stdlib"), *training_text("docstrings")])
    assert [line for line in lines if line in joined] == []
    assert lines_in_none_of(lines, training_text("bible")) == lines


def test_no_test_line_of_the_bible_is_in_its_training_chapters() -> None:
    lines = load_sentences("bible", split="test")[::50]
    joined = "\n".join(training_text("bible"))
    assert len(lines) > 20
    assert [line for line in lines if line in joined] == []


def test_lines_in_texts_are_found_as_substrings_are() -> None:
    drawn = random.Random(0)
    texts = [" ".join(drawn.choices(["a", "ab", "b", "ba", "aba"], k=30)) for _ in range(8)]
    pieces = [text[start : start + drawn.randint(1, 12)].strip() for text in texts for start in range(0, 50, 3)]
    other = [" ".join(drawn.choices(["a", "ab", "b", "ba", "aba"], k=drawn.randint(1, 7))) for _ in range(100)]
    lines = [line for line in [*pieces, *other] if line]
    kept = [line for line in lines if not any(line in text for text in texts)]
    assert 10 < len(kept) < len(lines) - 10
    assert lines_in_none_of(lines, texts) == kept


def test_every_python_reads_the_same_lines() -> None:
    found = "\n".join(load_sentences("stdlib", split="test"))
    assert hashlib.sha256(found.encode()).hexdigest()[:16] == LINES_HASH


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the text that ships is Python 3.11's")
def test_the_text_that_ships_is_what_the_command_collects() -> None:
    assert collect.prose(collect.stdlib_blocks())[:100] == sources.read_paragraphs("stdlib")[:100]


def test_the_same_docstring_is_on_the_same_side_in_every_source() -> None:
    shared = set(read_paragraphs("stdlib")) & set(read_paragraphs("docstrings"))
    assert len(shared) > 500  # and is_test asks for nothing but the text


def test_nobody_parts_paragraphs_by_a_rule_of_its_own() -> None:
    package = Path(gradcheck_lm.__file__).parent
    hashing = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "hashlib.blake2b(" in path.read_text(encoding="utf-8")
    ]
    assert [path for path in hashing if path.startswith(("texts", "lm", "htr/text", "commands"))] == ["texts/sides.py"]


def test_docstrings_give_plain_english() -> None:
    paragraphs = read_paragraphs("docstrings")
    assert sum(map(len, paragraphs)) > 200_000
    assert len(set(paragraphs)) == len(paragraphs)
    assert not any(mark in paragraph for paragraph in paragraphs for mark in ("()", "::", ">>>", "_", "=", "\n"))


def test_paragraphs_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeffone\r\ntwo\r\n \r\nthree   four\r\n".encode())
    assert sources.read_paragraphs(file) == ["one two", "three four"]
