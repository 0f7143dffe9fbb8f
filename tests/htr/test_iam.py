"""IAM: the ASCII list, the XML forms, the recipe's folder, and splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_samples import IAM_LINES, iam_forms, iam_lines, save, stroke

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr import open_lines
from gradcheck_lm.htr.readers.iam import read_gt, read_iam_forms, read_iam_lines


@pytest.mark.parametrize("nested", [True, False])
def test_the_list_gives_words_with_spaces_and_writers(tmp_path: Path, nested: bool) -> None:
    lines = open_lines(iam_lines(tmp_path, nested=nested))
    assert [line.text for line in lines] == [
        "A STEP to stop Mr. Bright from",
        "naming any more Lords , he said .",
        'Though they may gather some " left-wing "',
        "Nothing here",
    ]
    assert [line.name for line in lines] == ["a01-000u-00", "a01-000u-01", "a01-003-00", "b04-010-00"]
    assert [line.hand for line in lines] == ["000", "000", "002", "007"]
    assert [line.image.shape for line in lines] == [(32, 100 + number) for number in range(4)]
    assert lines.notes == ()


def test_without_forms_the_form_is_the_hand(tmp_path: Path) -> None:
    assert open_lines(iam_lines(tmp_path, forms=False))[2].hand == "a01-003"


def test_the_flag_filters(tmp_path: Path) -> None:
    lines = open_lines(iam_lines(tmp_path), ok_only=True)
    assert [line.name for line in lines] == ["a01-000u-00", "a01-003-00", "b04-010-00"]
    assert lines.notes == ('1 left out: have the flag "err"',)


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        ("a01-000u\nb04-010\n", ["a01-000u-00", "a01-000u-01", "b04-010-00"]),  # forms, as the Aachen split has them
        ("a01-000u-01\r\n", ["a01-000u-01"]),  # lines, as the official one has them
        ("# mine\na01-003\na01-999\n", ["a01-003-00"]),
    ],
)
def test_a_split_is_a_file(tmp_path: Path, ids: str, names: list[str]) -> None:
    (tmp_path / "test.uttlist").write_text(ids, encoding="utf-8", newline="")
    lines = open_lines(iam_lines(tmp_path / "iam"), split=str(tmp_path / "test.uttlist"))
    assert [line.name for line in lines] == names
    assert lines.notes == ()


def test_pictures_that_are_missing_are_named(tmp_path: Path) -> None:
    root = iam_lines(tmp_path)
    (root / "lines/a01/a01-003/a01-003-00.png").unlink()
    lines = open_lines(root)
    assert len(lines) == 3
    assert lines.notes == (f"1 have no picture in {root / 'lines'} and were left out: a01-003-00",)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a01-000u-00 ok 154", r"lines\.txt, line 9: 'a01-000u-00 ok 154' is no row of IAM: expected id, ok or err"),
        ("a01-000u-00 perhaps 1 2 3 4 5 6 text", "line 9: .* is no row of IAM"),
        ("../../x-00 ok 1 2 3 4 5 6 text", r"line 9: '\.\./\.\./x.*x-00\.png' leads out of the folder"),
        ("/etc/x-00 ok 1 2 3 4 5 6 text", "leads out of the folder"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, words: str) -> None:
    root = iam_lines(tmp_path)
    (root / "ascii/lines.txt").write_text(IAM_LINES + row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=words):
        open_lines(root)


def test_nothing_left_is_explained(tmp_path: Path) -> None:
    root = iam_lines(tmp_path / "iam")
    split = tmp_path / "split.txt"
    split.write_text("z99-000\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"gives no lines in the split .*split\.txt \(4 not in the split\)"):
        read_iam_lines(root, split=split)
    split.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"the split .*split\.txt is empty: write ids of forms"):
        read_iam_lines(root, split=split)
    with pytest.raises(DataError, match=r"there is no split test: a split of IAM is a file"):
        open_lines(root, split="test")
    with pytest.raises(DataError, match=r"has no ascii/lines\.txt"):
        read_iam_lines(tmp_path)
    with pytest.raises(DataError, match=r"needs IAM's xml/"):
        read_iam_forms(tmp_path)


def test_forms_are_cut_as_the_recipe_cuts_them(tmp_path: Path) -> None:
    lines = open_lines(iam_forms(tmp_path))
    assert [line.name for line in lines] == ["a01-000u-00", "a01-000u-01"]
    assert [line.text for line in lines] == ['A STEP "now" & then', "second line"]
    assert {line.hand for line in lines} == {"000"}
    # x 50 to 160 and y 98 to 123, 4 pixels more above and below and 8 at the ends; the page's grey is its column
    first = lines[0].image
    assert first.shape == (127 - 94, 168 - 42)
    assert np.array_equal(first[0], np.arange(42, 168))
    assert lines[1].image.shape == (294 - 246, 400)  # held within the picture
    assert "1 left out: have no text or no words" in lines.notes
    assert any(note.startswith("1 have no picture in formsA-D and were left out: z99-000") for note in lines.notes)


def test_forms_take_splits_flags_and_padding(tmp_path: Path) -> None:
    root = iam_forms(tmp_path / "iam")
    assert [line.name for line in open_lines(root, ok_only=True)] == ["a01-000u-00"]
    split = tmp_path / "split.txt"
    split.write_text("a01-000u-01\n", encoding="utf-8")
    assert [line.name for line in open_lines(root, split=str(split))] == ["a01-000u-01"]
    assert read_iam_forms(root, pad=0)[0].image.shape == (25, 110)


def test_a_form_with_coordinates_that_are_none(tmp_path: Path) -> None:
    root = iam_forms(tmp_path)
    file = root / "xml" / "a01-000u.xml"
    file.write_text(file.read_text().replace('x="50"', 'x="nan"'))
    with pytest.raises(DataError, match=r"a01-000u\.xml, a01-000u-00: cmp has x='nan', expected a number"):
        open_lines(root)


def test_the_recipes_own_folder(tmp_path: Path) -> None:
    save(tmp_path / "a01-000u-00.png", stroke())
    (tmp_path / "gt.txt").write_text("a01-000u-00 A STEP to stop\na01-000u-01 missing\n", encoding="utf-8")
    lines = open_lines(tmp_path)
    assert [(line.name, line.text, line.hand) for line in lines] == [("a01-000u-00", "A STEP to stop", "a01-000u")]
    assert "1 have no picture" in lines.notes[0]
    (tmp_path / "gt.txt").write_text("../x text\n", encoding="utf-8")
    with pytest.raises(DataError, match="leads out of the folder"):
        read_gt(tmp_path)
