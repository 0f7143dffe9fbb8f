"""Synthetic lines and the hands that write them."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gradcheck_lm.errors import ArgumentError, CharsetError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.htr import HELD_OUT_HANDS, TRAINING_HANDS, Charset, Hand, SyntheticLines, hands, render_line
from gradcheck_lm.htr.synthetic import hand as hand_module
from gradcheck_lm.htr.synthetic.hand import face_of

pytest.importorskip("fontpkg", reason="the handwriting fonts are not installed")
TEXTS = ["the quick brown fox", "jumps over it", "a lazy dog sleeps", "and wakes"]


def test_seven_hands_of_which_two_are_held_out() -> None:
    assert {hand.name for hand in hands()} == set(TRAINING_HANDS) | set(HELD_OUT_HANDS)
    assert not set(TRAINING_HANDS) & set(HELD_OUT_HANDS)
    assert (len(TRAINING_HANDS), len(HELD_OUT_HANDS)) == (5, 2)
    assert all(hand.path.is_file() and hand.package == f"fontpkg-{hand.name}" for hand in hands())
    assert len(hands(["caveat"])[0].faces) > 1  # a variable font is a hand with several pens


@pytest.mark.parametrize("name", TRAINING_HANDS + HELD_OUT_HANDS)
def test_every_hand_writes_all_79_characters(name: str) -> None:
    hand = hands([name])[0]
    for path, weight in hand.faces:
        face = face_of(str(path), weight, 64)
        assert all(face.has(character) for character in Charset.STANDARD)
        assert not face.has("\u4e2d")
    picture = render_line(Charset.STANDARD, hand, np.random.default_rng(0))
    assert picture.dtype == np.uint8
    assert picture.shape[0] == 64


def test_a_character_that_the_font_lacks_is_named() -> None:
    with pytest.raises(CharsetError, match=r"'caveat' cannot write '\u4e2d' in 'a\u4e2da'"):
        render_line("a\u4e2da", "caveat", np.random.default_rng(0))


def test_a_line_is_dark_ink_on_light_paper() -> None:
    for seed in range(10):
        picture = render_line("handwriting", HELD_OUT_HANDS[0], np.random.default_rng(seed))
        paper, ink = np.median(picture), np.percentile(picture, 1)
        assert paper > 180
        assert ink < 0.7 * paper
        assert 0.02 < (picture < (paper + ink) / 2).mean() < 0.3
        assert (picture[:, :4] > 0.75 * paper).all()  # a margin: nothing is cut at the left
        assert (picture[:, -3:] > 0.75 * paper).mean() > 0.95


@pytest.mark.parametrize("text", ["", " ", ".", "  two  spaces  "])
def test_odd_texts_are_written(text: str) -> None:
    picture = render_line(text, "kalam", np.random.default_rng(1))
    assert picture.shape[0] == 64
    assert picture.shape[1] >= 32


@pytest.mark.parametrize("height", [16, 40, 128])
def test_other_heights(height: int) -> None:
    picture = render_line("some words here", "kalam", np.random.default_rng(1), height=height)
    assert picture.shape[0] == height
    assert 2 * height < picture.shape[1] < 9 * height


def test_longer_texts_are_longer() -> None:
    short, long = (render_line(text, "kalam", np.random.default_rng(1)).shape[1] for text in ("word", "word " * 6))
    assert long > 3 * short


def test_a_seed_gives_the_same_picture_and_another_a_different_one() -> None:
    first, again, other = (render_line("same", "caveat", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_item_depends_on_seed_and_index_alone() -> None:
    few, many = SyntheticLines(TEXTS, count=3, seed=5), SyntheticLines(TEXTS, count=20, seed=5)
    many[17].image  # noqa: B018  asked for in another order
    for index in (2, 0, 1):
        assert np.array_equal(few[index].image, many[index].image)
        assert (few[index].text, few[index].hand, few[index].name) == (
            many[index].text, many[index].hand, many[index].name,
        )  # fmt: skip
    other = SyntheticLines(TEXTS, count=3, seed=6)
    assert any(few[index].image.shape != other[index].image.shape for index in range(3))


def test_the_same_text_in_the_same_hand_is_written_anew_each_time() -> None:
    def pictures(seed: int) -> list[bytes]:
        return [line.image.tobytes() for line in SyntheticLines(["same"], ["kalam"], count=5, seed=seed)]

    assert len({*pictures(1), *pictures(2)}) == 10


def test_nothing_global_is_drawn_from_or_changed() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = SyntheticLines(TEXTS, count=1, seed=0)[0].image
    assert np.array_equal(before, np.random.get_state()[1])
    np.random.seed(2)
    assert np.array_equal(first, SyntheticLines(TEXTS, count=1, seed=0)[0].image)


def test_all_texts_and_all_hands_take_turns() -> None:
    lines = SyntheticLines(TEXTS, hands(), count=28, seed=0)
    assert {line.hand for line in lines} == {hand.name for hand in hands()}
    assert sorted(line.text for line in lines[:4]) == sorted(TEXTS)
    assert len(SyntheticLines(TEXTS)) == 4
    assert lines[-1].text == lines[27].text
    assert len(list(lines)) == 28
    with pytest.raises(IndexError, match="line 28 of 28"):
        lines[28]


def test_pictures_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = SyntheticLines(TEXTS, count=4)
    assert lines[0].image is lines[0].image
    assert not lines[0].image.flags.writeable
    monkeypatch.setattr("gradcheck_lm.htr.synthetic.synthetic._MEMORY", 0)
    forgetful = SyntheticLines(TEXTS, count=4)
    assert forgetful[0].image is not forgetful[0].image
    assert np.array_equal(forgetful[0].image, lines[0].image)


def test_a_folder_keeps_pictures_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = SyntheticLines(TEXTS, count=2, seed=1, cache=tmp_path)[1].image
    files = list(tmp_path.rglob("*.npy"))
    assert len(files) == 1
    SyntheticLines(TEXTS, count=2, seed=2, cache=tmp_path)[1].image  # noqa: B018
    assert len(list(tmp_path.rglob("*.npy"))) == 2  # another seed, another folder

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    with monkeypatch.context() as patched:
        patched.setattr("gradcheck_lm.htr.synthetic.synthetic.render_line", refuse)
        assert np.array_equal(SyntheticLines(TEXTS, count=9, seed=1, cache=tmp_path)[1].image, first)
    files[0].write_bytes(b"damaged")
    assert np.array_equal(SyntheticLines(TEXTS, count=2, seed=1, cache=tmp_path)[1].image, first)


def test_a_font_file_is_a_hand() -> None:
    path = hands(["zeyada"])[0].path
    (hand,) = hands([path])
    assert (hand.name, hand.package) == (path.stem, "")
    assert hands(hand) == (hand,)
    assert SyntheticLines(TEXTS, [path], count=1)[0].hand == path.stem
    assert isinstance(hand, Hand)


def test_bad_arguments_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"no hand 'comic'.*caveat.*ttf"):
        hands(["comic"])
    with pytest.raises(ArgumentError, match="no hands were named"):
        SyntheticLines(TEXTS, [])
    with pytest.raises(ArgumentError, match="at least one text"):
        SyntheticLines([])
    with pytest.raises(ArgumentError, match="count=0"):
        SyntheticLines(TEXTS, count=0)


def test_a_missing_font_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import fontpkg

    hand_module._hand.cache_clear()

    def lost(name: str) -> None:
        raise fontpkg.FamilyNotInstalled(name)

    with monkeypatch.context() as patched:
        patched.setattr(fontpkg, "family", lost)
        with pytest.raises(MissingPackageError, match=rf"'zeyada'.*fontpkg-zeyada: {re.escape(install_line('lab'))}"):
            hands(["zeyada"])
        patched.setitem(sys.modules, "fontpkg", None)
        with pytest.raises(MissingPackageError, match=r"'caveat' needs the package fontpkg, .*\[lab\]'"):
            hands(["caveat"])


def test_a_line_takes_milliseconds() -> None:
    lines = SyntheticLines(TEXTS, count=70)
    [line.image for line in lines[:35]]  # fonts are read once
    seconds = []
    for line in lines[35:]:
        start = time.process_time()
        _ = line.image
        seconds.append(time.process_time() - start)
    # about 0.003; neighbours that share the caches lengthen many of them, and a tenfold slowdown all
    assert sorted(seconds)[len(seconds) // 4] < 0.02
