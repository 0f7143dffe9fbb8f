"""One function that opens whatever holds lines, and the commands that go through it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from data_samples import iam_forms, iam_lines, pages, save, stroke
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr import Charset, CRNNConfig, Line, build_crnn, open_lines, save_checkpoint
from gradcheck_lm.htr.sources import kind_of
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.reading import labelled_lines

TINY = CRNNConfig(
    name="tiny", height=32, width=128, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=1, lstm_hidden=8,
    lstm_dropout=0.0, head_dropout=0.0, classes=80,
)  # fmt: skip


def transcribed(folder: Path, suffix: str = ".txt") -> Path:
    """Three pictures, two with a transcript beside them."""
    for number in (10, 2, 1):
        save(folder / f"{number}.png", stroke(100 + number))
    (folder / f"2{suffix}").write_text("two cafe\u0301\n", encoding="utf-8")
    (folder / f"10{suffix}").write_text("ten", encoding="utf-8")
    return folder


def labelled(folder: Path, count: int = 3) -> Path:
    for number in range(count):
        save(folder / f"{number}.png", stroke(100 + number))
    rows = "".join(f"{number}.png\tline {number}\n" for number in range(count))
    (folder / "labels.tsv").write_text(rows, encoding="utf-8")
    return folder


@pytest.mark.parametrize("suffix", [".txt", ".gt.txt"])
def test_images_with_their_transcripts_beside_them(tmp_path: Path, suffix: str) -> None:
    lines = open_lines(transcribed(tmp_path, suffix))
    assert [(line.name, line.text) for line in lines] == [
        ("1.png", None), ("2.png", "two caf\u00e9"), ("10.png", "ten"),
    ]  # fmt: skip
    assert [line.text for line in labelled_lines(tmp_path, Charset("twoencaf\u00e9 "))] == ["two caf\u00e9", "ten"]
    (tmp_path / f"2{suffix}").write_text("two\nlines", encoding="utf-8")
    with pytest.raises(DataError, match=rf"2{suffix} has 2 lines, a line's transcript has one"):
        open_lines(tmp_path)


def test_every_kind_is_recognised(tmp_path: Path) -> None:
    kinds = {
        "iam": iam_lines(tmp_path / "iam"),
        "iam_forms": iam_forms(tmp_path / "iam_forms"),
        "pages": pages(tmp_path / "pages"),
        "images": transcribed(tmp_path / "images"),
        "labels.tsv": labelled(tmp_path / "labels"),
    }
    save(tmp_path / "gt" / "a.png")
    (tmp_path / "gt" / "gt.txt").write_text("a text\n")
    save(tmp_path / "image_folder" / "a.png")
    (tmp_path / "image_folder" / "metadata.csv").write_text("file_name,text\na.png,text\n")
    kinds |= {"gt": tmp_path / "gt", "image_folder": tmp_path / "image_folder"}
    for kind, folder in kinds.items():
        assert kind_of(folder) == kind
        first, again = open_lines(folder), open_lines(folder)
        assert [line.name for line in first] == [line.name for line in again]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))


def test_what_was_looked_for_is_said(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing")
    with pytest.raises(DataError) as caught:
        open_lines(tmp_path)
    for word in ("holds no images", "labels.tsv", "ascii/lines.txt", "PAGE-XML", "parquet", "metadata.csv", "gt.txt"):
        assert word in str(caught.value)
    with pytest.raises(DataError, match=r"there is no image or folder .*gone.*owner/name"):
        open_lines(tmp_path / "gone")
    with pytest.raises(DataError, match=r"readme\.md is no image that can be read"):
        open_lines(tmp_path / "readme.md")
    with pytest.raises(DataError, match="nothing holds no lines"):
        open_lines([])


def test_choices_that_a_source_does_not_have_are_refused(tmp_path: Path) -> None:
    images, iam, page = transcribed(tmp_path / "images"), iam_lines(tmp_path / "iam"), pages(tmp_path / "page")
    for source, choice, option in (
        (images, {"split": "train"}, "--split"),
        (images / "1.png", {"ok_only": True}, "--ok-only"),
        (iam, {"tags": ["x"]}, "--tag"),
        (page, {"ok_only": True}, "--ok-only"),
        ([images / "1.png", images / "2.png"], {"split": "x"}, "--split"),
    ):
        with pytest.raises(ArgumentError, match=rf"^{option} means nothing for .*leave it out"):
            open_lines(source, **choice)


def test_several_sources_follow_one_another(tmp_path: Path) -> None:
    first, second = labelled(tmp_path / "b", 2), pages(tmp_path / "a")
    lines = open_lines([first, second])
    assert [line.name for line in lines] == ["0.png", "1.png", "p1 l1", "p1 l2", "p1 l5", "p1 l6"]
    assert lines.notes[0].startswith(f"{second}: 2 lines are slivers")
    pictures = open_lines([first / "1.png", first / "0.png"])
    assert [line.name for line in pictures] == ["1.png", "0.png"]


def test_files_that_speak_for_their_folder(tmp_path: Path) -> None:
    assert len(open_lines(labelled(tmp_path / "a") / "labels.tsv")) == 3
    assert len(open_lines(pages(tmp_path / "b") / "p1.xml")) == 4
    assert open_lines(str(save(tmp_path / "c.png")))[0].name == "c.png"


def test_no_transcripts_at_all_is_explained(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"has no labels\.tsv and no other transcripts: write a row for each image"):
        labelled_lines(tmp_path, Charset("a"))


def test_dropping_characters_reads_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = pages(tmp_path)
    monkeypatch.setattr("gradcheck_lm.htr.readers.crops.Crop.__call__", lambda crop: pytest.fail("a picture was read"))
    found = labelled_lines(lines, Charset("abcdefghijklmnopqrstuvwxyz "), drop_unknown=True)
    assert [line.text for line in found] == ["first caf line", "two words", "in a table"]


# ---- data sets larger than the memory ----


def noisy(count: int, reads: list[int]) -> list[Line]:
    def draw(index: int):
        def read() -> np.ndarray:
            reads.append(index)
            return np.random.default_rng(index).integers(0, 255, (32, 90 + index), dtype=np.uint8)

        return read

    return [Line(draw(index), f"text {index}", str(index)) for index in range(count)]


def test_lines_that_do_not_fit_are_read_when_taken() -> None:
    reads: list[int] = []
    held = LineData(noisy(6, []), TINY, Charset.standard())
    streamed = LineData(noisy(6, reads), TINY, Charset.standard(), kept=6 * 32 * 128 - 1)
    assert reads == []
    for step in range(5):
        one, two = (data.batch(step, 2, seed=3) for data in (held, streamed))
        assert torch.equal(one.images, two.images)
        assert (one.texts, one.indices) == (two.texts, two.indices)
        assert reads[-2:] == two.indices
    assert len(reads) == 10
    assert torch.equal(held.pixels([4, 1]), streamed.pixels([4, 1]))
    reads.clear()
    exactly = LineData(noisy(6, reads), TINY, Charset.standard(), kept=6 * 32 * 128)
    assert sorted(reads) == list(range(6))
    exactly.batch(0, 2, seed=3)
    assert len(reads) == 6  # read once


def test_the_order_is_drawn_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    whole = torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda count, **keys: drawn.append(count) or whole(count, **keys))
    data = LineData(noisy(7, []), TINY, Charset.standard())
    epochs = [
        sorted(i for step in range(e * 3, e * 3 + 3) for i in data.batch(step, 2, seed=1).indices) for e in (0, 1)
    ]
    assert drawn == [7, 7]
    assert all(len(set(indices)) == 6 for indices in epochs)
    generator = torch.Generator().manual_seed(1 * 1_000_003 + 1)  # a step alone gives what it gives in its row
    assert data.batch(4, 2, seed=1).indices == whole(7, generator=generator)[2:4].tolist()
    assert data.first(3).batch(0, 2, seed=1).indices != data.batch(0, 2, seed=1).indices
    assert max(data.first(3).batch(0, 2, seed=1).indices) < 3


def test_the_first_lines_are_the_first_lines() -> None:
    for kept in (None, 0):
        data = LineData(noisy(5, []), TINY, Charset.standard(), kept=kept)
        part = data.first(2)
        assert (len(part), len(data)) == (2, 5)
        assert part.names == ["0", "1"]
        assert torch.equal(part.pixels([0, 1]), data.pixels([0, 1]))
        assert len(data.first(0)) == 1


# ---- the commands ----


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return save_checkpoint(build_crnn(TINY), Charset.standard(), tmp_path / "tiny.safetensors")


def test_commands_take_iam_and_pages(tmp_path: Path, checkpoint: Path) -> None:
    iam, page = iam_lines(tmp_path / "iam"), pages(tmp_path / "page")
    (tmp_path / "split").write_text("a01-000u\n")
    use = ("--recogniser", checkpoint)
    code, out, err = call("evaluate", iam, *use, "--split", tmp_path / "split", "--json")
    assert (code, json.loads(out)["lines"]) == (0, 2), err
    code, out, err = call("evaluate", iam, *use, "--ok-only", "--json")
    assert (code, json.loads(out)["lines"]) == (0, 3), err
    assert '1 left out: have the flag "err"' in err
    code, out, err = call("mistakes", page, *use, "--drop-unknown", "--tag", "!heading", "--json")
    assert (code, json.loads(out)["lines"]) == (0, 2), err
    assert "1 of 3 lines have no transcript and were left out" in err
    code, out, err = call("transcribe", page, iam / "lines/a01/a01-003/a01-003-00.png", *use)
    assert code == 0, err
    assert [row.partition("\t")[0] for row in out.splitlines()] == [
        "p1 l1",
        "p1 l2",
        "p1 l5",
        "p1 l6",
        "a01-003-00.png",
    ]
    assert "slivers" in err
    code, out, err = call("lm-table", iam, *use, "--lm", "char", "--json")
    assert (code, len(json.loads(out)["rows"])) == (0, 4), err


def test_train_and_adapt_take_them_too(tmp_path: Path, checkpoint: Path) -> None:
    iam, page = iam_lines(tmp_path / "iam"), pages(tmp_path / "page")
    for name, ids in (("train", "a01-000u"), ("test", "a01-003")):
        (tmp_path / name).write_text(ids)
    code, out, err = call(
        "train", "--out", tmp_path / "run", "--data", iam, "--split", tmp_path / "train", "--validation", iam,
        "--validation-split", tmp_path / "test", "--recogniser", checkpoint, "--steps", 1, "--batch-size", 2,
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert code == 0, err
    report = json.loads((tmp_path / "run" / "training.json").read_text())
    assert (report["lines"], report["validation_lines"]) == (2, 1)
    code, out, err = call(
        "adapt", page, "--out", tmp_path / "adapted", "--recogniser", checkpoint, "--lm", "char", "--steps", 1,
        "--batch-size", 2, "--tag", "paragraph", "--device", "cpu", "--json",
    )  # fmt: skip
    assert code == 0, err
    assert [row["image"] for row in json.loads(out)["readings"]] == ["p1 l1", "p1 l2", "p1 l5"]
