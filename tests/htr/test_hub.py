"""The hub's layout on disk: saved, parquet, image folders; pictures are decoded by us, lazily and within bounds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from data_samples import save, stroke
from PIL import Image

from gradcheck_lm import bounds
from gradcheck_lm.errors import DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.htr import open_lines
from gradcheck_lm.htr.readers.hub import Row

TEXTS = ["put down a resolution", "cafe\u0301", "on the subject ."]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def png(image: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def table(count: int = 3, *, rows: list[dict] | None = None, decoded: bool = True):
    """Columns `image` and `text` as Teklia/IAM-line has them: an Image feature of bytes, and a string."""
    from datasets import Dataset, Features, Value
    from datasets import Image as ImageFeature

    image = ImageFeature() if decoded else {"bytes": Value("binary"), "path": Value("string")}
    cells = rows or [{"bytes": png(stroke(60 + index)), "path": f"{index}.png"} for index in range(count)]
    return Dataset.from_dict(
        {"image": cells, "text": TEXTS[: len(cells)]}, features=Features({"image": image, "text": Value("string")})
    )


def check(lines, widths=(60, 61, 62)) -> None:
    assert [line.text for line in lines] == ["put down a resolution", "caf\u00e9", "on the subject ."][: len(widths)]
    assert [line.image.shape for line in lines] == [(32, width) for width in widths]
    assert [line.name for line in lines] == ["000000", "000001", "000002"][: len(widths)]


def test_a_saved_data_set(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    check(open_lines(tmp_path / "saved"))


def test_saved_parts_are_chosen_by_name(tmp_path: Path) -> None:
    from datasets import DatasetDict

    DatasetDict({"train": table(), "test": table(1)}).save_to_disk(tmp_path / "saved")
    check(open_lines(tmp_path / "saved", split="train"))
    check(open_lines(tmp_path / "saved", split="test"), (60,))
    for split, words in ((None, "has several parts"), ("val", "has no part 'val'")):
        with pytest.raises(DataError, match=f"{words}; there are train, test: say which with --split"):
            open_lines(tmp_path / "saved", split=split)


@pytest.mark.parametrize("decoded", [True, False])
def test_parquet_with_and_without_the_image_feature(tmp_path: Path, decoded: bool) -> None:
    (tmp_path / "data").mkdir()
    table(decoded=decoded).to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    check(open_lines(tmp_path))
    check(open_lines(tmp_path / "data" / "train-00000-of-00001.parquet"))
    table(1).to_parquet(tmp_path / "data" / "test-00000-of-00001.parquet")
    check(open_lines(tmp_path, split="train"))
    check(open_lines(tmp_path, split="test"), (60,))
    with pytest.raises(DataError, match="has several parts; there are test, train"):
        open_lines(tmp_path)


def test_pictures_are_read_row_by_row(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    lines = open_lines(tmp_path / "saved")
    row = lines[1]._image
    assert isinstance(row, Row)
    asked: list[int] = []

    class Watched:
        def __getitem__(self, index: int):
            asked.append(index)
            return row.table[index]

    assert Row(Watched(), 1, None, "x")().shape == (32, 61)
    assert asked == [1]
    assert isinstance(row.table[1]["image"]["bytes"], bytes)  # not decoded by the library, whose bound is another


def test_damaged_and_enormous_pictures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(rows=[{"bytes": b"no picture", "path": None}, {"bytes": png(stroke(90)), "path": None}]).save_to_disk(
        tmp_path / "saved"
    )
    lines = open_lines(tmp_path / "saved")
    with pytest.raises(DataError, match=r"saved, row 0 is no image that can be read"):
        lines[0].image  # noqa: B018
    monkeypatch.setattr(bounds, "IMAGE", replace(bounds.IMAGE, most=1000))
    with pytest.raises(DataError, match=r"saved, row 1 has 90 x 32 pixels, at most"):
        lines[1].image  # noqa: B018


def test_rows_that_name_files_stay_inside(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    save(folder / "in.png", stroke(77))
    outside = save(tmp_path / "out.png")
    cells = [{"bytes": None, "path": name} for name in ("in.png", "../out.png", str(outside))]
    table(rows=cells, decoded=False).to_parquet(folder / "train.parquet")
    lines = open_lines(folder)
    assert lines[0].image.shape == (32, 77)
    for line in lines[1:]:
        with pytest.raises(DataError, match="leads out of the folder"):
            line.image  # noqa: B018


def test_saved_files_stay_inside(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "set")
    state = json.loads((tmp_path / "set" / "state.json").read_text())
    state["_data_files"][0]["filename"] = "../elsewhere.arrow"
    (tmp_path / "set" / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match=r"state\.json: '\.\./elsewhere\.arrow' leads out of the folder"):
        open_lines(tmp_path / "set")


def test_saved_damage_is_explained(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "set")
    (tmp_path / "set" / "data-00000-of-00001.arrow").write_bytes(b"nothing")
    with pytest.raises(DataError, match="is no data set that can be read"):
        open_lines(tmp_path / "set")
    (tmp_path / "set" / "state.json").write_text("[1]")
    with pytest.raises(DataError, match=r"state\.json is no JSON object"):
        open_lines(tmp_path / "set")
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"x\.parquet holds parquet that cannot be read"):
        open_lines(tmp_path / "x.parquet")


def test_other_columns_are_listed(tmp_path: Path) -> None:
    table().rename_column("image", "picture").save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match="has the columns picture, text; 'image' and 'text' are read"):
        open_lines(tmp_path / "set")
    table().remove_columns("text").save_to_disk(tmp_path / "bare")
    assert [line.text for line in open_lines(tmp_path / "bare")] == [None] * 3


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_an_image_folder(tmp_path: Path, name: str) -> None:
    for index in range(2):
        save(tmp_path / "train" / "sub" / f"{index}.png", stroke(70 + index))
    rows = [("sub/1.png", 'one, "two"'), ("sub/0.png", "zero")]
    if name.endswith("csv"):
        written = 'file_name,text\nsub/1.png,"one, ""two"""\nsub/0.png,zero\n'
    else:
        written = "".join(json.dumps({"file_name": file, "text": text}) + "\n" for file, text in rows)
    (tmp_path / "train" / name).write_text(written, encoding="utf-8")
    for lines in (open_lines(tmp_path / "train"), open_lines(tmp_path, split="train")):
        assert [(line.name, line.text) for line in lines] == rows
        assert [line.image.shape[1] for line in lines] == [71, 70]
    (tmp_path / "train" / name).write_text(written.replace("sub/0.png", "../x.png"), encoding="utf-8")
    with pytest.raises(DataError, match=rf"{name}, line [23]: '\.\./x\.png' leads out of the folder"):
        open_lines(tmp_path / "train")
    with pytest.raises(DataError, match=r"the part '\.\.' leads|'\.\.' leads out of the folder"):
        open_lines(tmp_path / "train", split="..")


@pytest.mark.parametrize("row", ["not json", "[1, 2]", '{"text": "no file"}', '{"file_name": "a.png", "text": 3}'])
def test_bad_rows_of_an_image_folder(tmp_path: Path, row: str) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text(row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"metadata\.jsonl, line 1"):
        open_lines(tmp_path)


@pytest.mark.parametrize("prefix", ["", "hub:"])
def test_a_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    import datasets

    asked: list[tuple[str, str | None]] = []

    def load_dataset(name: str, split: str | None = None):
        asked.append((name, split))
        return datasets.DatasetDict({"train": table(), "test": table(1)}) if split is None else table()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    check(open_lines(prefix + "Teklia/IAM-line", split="train"))
    with pytest.raises(DataError, match="Teklia/IAM-line has several parts; there are train, test"):
        open_lines(Path(prefix + "Teklia/IAM-line"))
    assert asked == [("Teklia/IAM-line", "train"), ("Teklia/IAM-line", None)]


def test_a_name_that_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no file or folder 'someone/nothing', and the hub gives no data set.*network"):
        open_lines("someone/nothing")
    (tmp_path / "someone").mkdir()  # a slip of the pen in a folder's name asks nobody
    with pytest.raises(DataError, match="there is no image or folder someone/nothing"):
        open_lines("someone/nothing")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingPackageError, match=re.escape(install_line("hub"))):
        open_lines("Teklia/IAM-line")
    save(tmp_path / "a.png")
    (tmp_path / "metadata.csv").write_text("file_name,text\na.png,words\n")
    assert open_lines(tmp_path)[0].text == "words"  # needs no package
