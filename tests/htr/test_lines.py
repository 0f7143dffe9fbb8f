"""Line images: reading, refusing, and making batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gradcheck_lm import bounds
from gradcheck_lm.errors import ArgumentError, CharsetError, DataError
from gradcheck_lm.htr import (
    Charset,
    CRNNConfig,
    Line,
    LineSet,
    SyntheticLines,
    open_lines,
    read_images,
    read_labels_tsv,
    to_batch,
    write_labels_tsv,
)

CONFIG = CRNNConfig(
    name="tiny", height=32, width=256, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=1, lstm_hidden=8,
    lstm_dropout=0.0, head_dropout=0.0, classes=5,
)  # fmt: skip


def page(height: int = 32, width: int = 128, paper: int = 255, ink: int = 0) -> np.ndarray:
    """Paper with one upright stroke from column 40 to 44."""
    image = np.full((height, width), paper, np.uint8)
    image[:, 40:44] = ink
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(3):
        Image.fromarray(page(width=100 + index)).save(tmp_path / f"{index}.png")
    (tmp_path / "labels.tsv").write_text("0.png\tzero\n1.png\tone one\n\n2.png\ttwo\n", encoding="utf-8")
    return tmp_path


def test_a_batch_is_ink_high_and_padded_with_paper() -> None:
    batch = to_batch([Line(page())], CONFIG)
    assert batch.shape == (1, 1, 32, 256)
    assert batch.dtype == torch.float32
    assert (batch[0, 0, :, 40:44] == 1).all()
    assert batch.sum() == 32 * 4  # all else is 0


@pytest.mark.parametrize("paper", [255, 200, 130, 90])
def test_grey_paper_becomes_0_and_ink_is_its_share_of_the_light(paper: int) -> None:
    batch = to_batch([Line(page(paper=paper, ink=paper // 2))], CONFIG)
    assert batch[0, 0, :, :40].max() == 0
    assert batch[0, 0, :, 41].mean().item() == pytest.approx(0.5, abs=0.01)


def test_shade_along_the_line_is_taken_out() -> None:
    shade = np.linspace(250, 170, 256)[None, :].repeat(32, 0)
    flat = to_batch([Line(shade.astype(np.uint8))], CONFIG)
    assert flat.mean() < 0.01
    assert (1 - shade / np.median(shade)).clip(0).mean() > 0.03  # what one tone for all would leave
    shade[:, 100:104] *= 0.3
    assert to_batch([Line(shade.astype(np.uint8))], CONFIG)[0, 0, :, 101].mean().item() == pytest.approx(0.7, abs=0.02)


def test_grain_stays_small() -> None:
    grain = np.random.default_rng(0).normal(190, 4, (32, 200)).clip(0, 255).astype(np.uint8)
    assert to_batch([Line(grain)], CONFIG).max() < 0.12


def test_lines_keep_their_shape_unless_they_are_too_wide() -> None:
    tall = to_batch([Line(page(64, 256))], CONFIG)  # half the size
    assert tall[0, 0, :, 20:22].min() > 0.8
    assert tall[0, 0, :, 128:].max() == 0
    wide = np.full((32, 1024), 255, np.uint8)
    wide[:, 1000:1020] = 0
    assert to_batch([Line(wide)], CONFIG)[0, 0, :, 251:254].min() > 0.9  # squeezed four times


def test_lines_of_many_sizes_in_one_batch() -> None:
    sizes = [(1, 1), (1, 500), (500, 1), (33, 47), (200, 3000)]
    batch = to_batch([Line(np.full(size, 255, np.uint8)) for size in sizes], CONFIG)
    assert batch.shape == (5, 1, 32, 256)
    assert batch.abs().max() == 0


def test_all_black_is_no_division_by_zero() -> None:
    assert torch.isfinite(to_batch([Line(np.zeros((32, 100), np.uint8))], CONFIG)).all()


def test_no_lines_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="at least one line"):
        to_batch([], CONFIG)


def test_synthetic_lines_make_a_batch() -> None:
    pytest.importorskip("fontpkg")
    lines = SyntheticLines(["some words", "more words"], count=4)
    batch = to_batch(lines, CONFIG)
    assert batch.shape == (4, 1, 32, 256)
    assert torch.equal(batch, to_batch(lines[:], CONFIG))
    assert 0.01 < batch.mean() < 0.2


def test_a_folder_is_read(folder: Path) -> None:
    lines = read_labels_tsv(folder)
    assert [line.text for line in lines] == ["zero", "one one", "two"]
    assert [line.name for line in lines] == ["0.png", "1.png", "2.png"]
    assert {line.hand for line in lines} == {folder.name}
    assert lines[1].path == folder / "1.png"
    assert np.array_equal(lines[1].image, page(width=101))
    loaded = open_lines(folder)
    assert isinstance(loaded, LineSet)
    assert loaded.labelled
    assert loaded.texts == ["zero", "one one", "two"]
    assert len(loaded[1:]) == 2


def test_byte_order_mark_and_windows_line_ends_and_accents(folder: Path) -> None:
    (folder / "labels.tsv").write_bytes("\ufeff0.png\tcafe\u0301\r\n".encode())
    (line,) = read_labels_tsv(folder)
    assert line.text == "caf\u00e9"


def test_what_is_written_is_read(folder: Path, tmp_path: Path) -> None:
    lines = read_labels_tsv(folder)
    target = write_labels_tsv(lines, tmp_path / "copy")
    again = read_labels_tsv(target)
    assert [line.text for line in again] == [line.text for line in lines]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(again, lines, strict=True))
    with pytest.raises(DataError, match="without tabs"):
        write_labels_tsv([Line(page(), "a\tb")], tmp_path / "other")
    with pytest.raises(DataError, match="no lines to write"):
        write_labels_tsv([], tmp_path / "other")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("3.png\tthree", r"labels\.tsv, line 2: the image '3\.png' does not exist in .*add it"),
        ("1.png one", r"labels\.tsv, line 2: 1 columns in '1\.png one', expected 2: file, tab, text"),
        ("1.png\tone\tmore", "line 2: 3 columns"),
        ("1.png\t ", "line 2: the text is empty"),
        ("\tone", "line 2: the file name is empty"),
        ("../1.png\tone", r"line 2: '\.\./1\.png' leads out of the folder"),
        ("a/../../1.png\tone", "leads out of the folder"),
        ("..\\1.png\tone", "leads out of the folder"),
        ("/etc/passwd\tone", "leads out of the folder"),
        ("C:\\1.png\tone", "leads out of the folder"),
        (".\tone", "does not exist"),
        ("x" * 5000 + "\tone", "does not exist"),
        ("labels.tsv\tone", r"line 2: .*labels\.tsv is no image that can be read"),
    ],
)
def test_a_bad_row_is_named(folder: Path, row: str, words: str) -> None:
    (folder / "labels.tsv").write_text(f"0.png\tzero\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_labels_tsv(folder)


def test_bad_folders_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*gone.*labels\.tsv"):
        read_labels_tsv(tmp_path / "gone")
    with pytest.raises(DataError, match=r"has no labels\.tsv"):
        read_labels_tsv(tmp_path)
    (tmp_path / "labels.tsv").write_text("\n \n", encoding="utf-8")
    with pytest.raises(DataError, match="is empty"):
        read_labels_tsv(tmp_path)
    (tmp_path / "labels.tsv").write_bytes("0.png\tcaf\u00e9\n".encode("latin1"))
    with pytest.raises(DataError, match=r"not UTF-8.*iconv"):
        read_labels_tsv(tmp_path)


def test_bad_images_are_explained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = folder / "1.png"
    whole = image.read_bytes()
    image.write_bytes(b"")
    with pytest.raises(DataError, match=r"line 2: .*1\.png is an empty file"):
        read_labels_tsv(folder)
    image.write_bytes(b"not a picture at all")
    with pytest.raises(DataError, match=r"1\.png is no image that can be read: replace it"):
        read_images([folder])
    noise = np.random.default_rng(0).integers(0, 255, (64, 600), dtype=np.uint8)
    Image.fromarray(noise).save(image)
    image.write_bytes(image.read_bytes()[:5000])
    (line,) = read_images([image])  # its head is whole
    with pytest.raises(DataError, match=r"1\.png is damaged or cut short"):
        to_batch([line], CONFIG)
    image.write_bytes(whole)
    monkeypatch.setattr(bounds, "IMAGE", replace(bounds.IMAGE, most=3000))
    with pytest.raises(DataError, match=r"0\.png has 100 x 32 pixels, at most .* cut the lines out of the page"):
        read_images([folder])


def test_images_without_labels(folder: Path, tmp_path: Path) -> None:
    lines = read_images([folder, folder / "0.png"])
    assert [line.name for line in lines] == ["0.png", "1.png", "2.png", "0.png"]
    assert all(line.text is None for line in lines)
    (folder / "labels.tsv").unlink()
    unlabelled = open_lines(folder)
    assert not unlabelled.labelled
    with pytest.raises(DataError, match=r"'0\.png' has no transcript"):
        unlabelled.texts  # noqa: B018
    (tmp_path / "none").mkdir()
    for paths, words in (
        ([], "no images were named"),
        ([tmp_path / "none"], r"holds no images \(\.png"),
        ([tmp_path / "gone.png"], "there is no image or folder"),
    ):
        with pytest.raises(DataError, match=words):
            read_images(paths)


def test_charset_of_a_set() -> None:
    texts = {"a": "fine", "b": "caf\u00e9", "c": "\u00fcb"}
    lines = LineSet([Line(page(), text, name) for name, text in texts.items()], source="mine")
    with pytest.raises(CharsetError, match=r"2 of 3 transcripts of mine .*'éü'.* The first is b: 'café' has 'é'"):
        lines.check_charset(Charset.standard())
    LineSet(lines[:1]).check_charset(Charset.standard())
    with pytest.raises(DataError, match="no lines"):
        LineSet([])


def test_an_image_must_be_grey_bytes() -> None:
    with pytest.raises(ArgumentError, match=r"'x' must be an \(H, W\) uint8 array.*float64 \(2, 2\)"):
        Line(np.zeros((2, 2)), name="x")


def test_real_handwriting_becomes_clean(shared_data: Path) -> None:
    lines = open_lines(shared_data / "hooker" / "val")
    assert len(lines) == 312
    lines.check_charset(Charset.standard())
    batch = to_batch(lines[:32], CONFIG)
    assert (batch < 0.05).float().mean() > 0.6  # paper
    assert (batch > 0.3).float().mean() > 0.01  # ink
    assert batch.amax(dim=(1, 2, 3)).min() > 0.3  # on every line
