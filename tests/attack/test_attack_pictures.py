"""Pictures that are programs, or of a form nobody asked for: no program is started, and a sentence tells it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from data_samples import stroke
from PIL import Image
from platforms import posix

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr import open_lines
from gradcheck_lm.htr.images import FORMATS, read_image

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 50\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Ghostscript on PATH; the file appears when it is started."""
    marker, folder = tmp_path / "started", tmp_path / "programs"
    folder.mkdir()
    for name in ("gs", "gswin32c", "gswin64c"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {marker}\necho 10.0\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # looked for once
    return marker


@posix
def test_the_trap_works(started: Path) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 (the stand-in draws nothing)
        Image.open(io.BytesIO(POSTSCRIPT)).load()
    assert started.exists()


@posix
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.gif"])
def test_a_picture_that_is_postscript_starts_nothing(tmp_path: Path, started: Path, name: str) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).write_bytes(POSTSCRIPT)
    with pytest.raises(DataError, match="is no image that can be read: replace it with a PNG, JPEG or TIFF"):
        [line.image for line in open_lines(tmp_path / "set")]
    with pytest.raises(DataError, match="is no image that can be read"):
        read_image(POSTSCRIPT, name="a row")
    assert not started.exists()


@posix
@pytest.mark.parametrize("column", ["image", "other"])
@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_postscript_in_a_data_set_starts_nothing(tmp_path: Path, started: Path, column: str, form: str) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    stream = io.BytesIO()
    Image.fromarray(stroke()).save(stream, "PNG")
    cells = {
        name: {"bytes": POSTSCRIPT if name == column else stream.getvalue(), "path": None}
        for name in ("image", "other")
    }
    rows = {name: [cell] for name, cell in cells.items()} | {"text": ["a"]}
    kinds = {"image": datasets.Image(), "other": datasets.Image(), "text": datasets.Value("string")}
    found = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    if form == "saved":
        found.save_to_disk(tmp_path / "set")
    else:
        (tmp_path / "set").mkdir()
        found.to_parquet(tmp_path / "set" / "train.parquet")
    lines = open_lines(tmp_path / "set")
    if column == "image":
        with pytest.raises(DataError, match="row 0 is no image that can be read"):
            lines[0].image  # noqa: B018
    else:
        assert lines[0].image.shape == (32, 120)
    assert not started.exists()


def test_a_column_that_holds_no_pictures_is_named(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    found = datasets.Dataset.from_dict({"image": [[1, 2]], "text": ["a"]})
    found.save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match=r"the column 'image' holds .*, expected pictures, or their bytes"):
        open_lines(tmp_path / "set")


@pytest.mark.parametrize("form", FORMATS)
def test_the_formats_that_are_wanted_are_read(tmp_path: Path, form: str) -> None:
    Image.fromarray(stroke(60)).save(tmp_path / "x.png", form)  # by content, whatever the name says
    assert read_image(tmp_path / "x.png").shape == (32, 60)


@pytest.mark.parametrize("form", ["PCX", "SGI", "TGA", "ICO", "MSP", "SPIDER", "EPS", "PDF"])
def test_all_other_formats_are_refused(tmp_path: Path, form: str) -> None:
    picture = Image.fromarray(stroke(64, 64))
    picture.convert("1" if form == "MSP" else "RGB" if form in ("EPS", "PDF") else "L").save(tmp_path / "x.bin", form)
    (tmp_path / "x.bin").rename(tmp_path / "x.png")
    with pytest.raises(DataError, match="is no image that can be read"):
        read_image(tmp_path / "x.png")
