"""Malformed and hostile input: a sentence with exit code 2, no traceback, no program started, nothing waited for."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from data_samples import PAGE, pages, save, stroke
from PIL import Image
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.course.progress import Progress
from gradcheck_lm.errors import CheckpointError, DataError, GradcheckLMError
from gradcheck_lm.htr import Charset, load_checkpoint, open_lines, read_logits
from gradcheck_lm.htr.arrays import load_arrays
from gradcheck_lm.htr.images import FORMATS, read_image
from gradcheck_lm.htr.page_xml import read_page
from gradcheck_lm.lab.folder.metrics_file import MetricsFile
from gradcheck_lm.lab.folder.state import load_state, read_metadata, save_state

posix = pytest.mark.skipif(os.name == "nt", reason="pipes and programs as POSIX has them")
DEEP = "[" * 100_000
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 50\n%%EndComments\nshowpage\n%%EOF\n"


# ------------------------------------------------------------------ pictures


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


# ------------------------------------------------------------------ pipes


@posix
@pytest.mark.parametrize("what", ["charset", "csv", "npy", "npz", "checkpoint", "picture", "xml", "texts"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, what: str) -> None:
    from gradcheck_lm.htr.text import read_paragraphs

    ending = {"csv": "csv", "npy": "npy", "npz": "npz", "checkpoint": "safetensors", "picture": "png", "xml": "xml"}
    pipe = tmp_path / f"pipe.{ending.get(what, 'txt')}"
    os.mkfifo(pipe)
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 3)) - 1)
    read = {
        "charset": lambda: read_logits(tmp_path / "x.npy", charset=pipe),
        "checkpoint": lambda: load_checkpoint(pipe),
        "picture": lambda: read_image(pipe),
        "xml": lambda: read_page(pipe),
        "texts": lambda: read_paragraphs(pipe),
    }.get(what, lambda: read_logits(pipe, charset=Charset("ab")))
    raised: list[BaseException] = []

    def work() -> None:
        try:
            read()
        except BaseException as error:
            raised.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(20)
    if worker.is_alive():  # let it go, and fail
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        worker.join(5)
        pytest.fail("waits for a writer")
    assert isinstance(raised[0], GradcheckLMError)
    if what != "texts":
        assert "is a pipe or a device, whose end nobody knows: write its content into a file" in str(raised[0])


# ------------------------------------------------------------------ numbers, arrays, JSON


@pytest.mark.parametrize("index", ["²", "9" * 5000, "-1", "x", "", "٣"])
def test_an_index_that_is_none_counts_as_zero(tmp_path: Path, index: str) -> None:
    folder = pages(
        tmp_path, PAGE.replace('index="1"', f'index="{index}"').replace('index="0"><Unicode>', 'index="5"><Unicode>')
    )
    assert read_page(folder / "p1.xml").lines[0].text == "worse reading"


def npy(head: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


@pytest.mark.parametrize(
    "head",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (",
        b"{'descr': [('a', ('b',), 'shape': (1,)}\n",
        b"[" * 9000,
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n",
        b"\xff\xfe{'descr'",
        b"",
    ],
)
def test_damaged_heads_of_arrays_are_a_sentence(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(npy(head))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("logits.npy", npy(head))
    for name in ("x.npy", "x.npz"):
        with pytest.raises(DataError, match="holds no arrays that can be read without running code"):
            load_arrays(tmp_path / name)


@pytest.mark.parametrize(("offset", "value"), [(6, b"\x01\x00"), (8, b"\x63\x00")])
def test_encrypted_and_unknown_members_are_a_sentence(tmp_path: Path, offset: int, value: bytes) -> None:
    np.savez(tmp_path / "x.npz", logits=np.zeros((3, 1, 3)))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    for mark, place in ((b"PK\x03\x04", offset), (b"PK\x01\x02", offset + 2)):
        start = data.index(mark) + place
        data[start : start + 2] = value
    (tmp_path / "x.npz").write_bytes(bytes(data))
    with pytest.raises(
        DataError, match=r"holds no arrays that can be read without running code: .*(encrypted|compress)"
    ):
        load_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize("splits", [5, None, "train", [1], {"train": 1}])
def test_parts_of_a_data_set_that_are_no_names(tmp_path: Path, splits: object) -> None:
    pytest.importorskip("datasets", reason="needs the extra 'hub'")
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
    with pytest.raises(DataError, match=r"dataset_dict\.json: 'splits' is .*, expected names: save the data set again"):
        open_lines(tmp_path, split="train")


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    stream = io.BytesIO()
    Image.fromarray(stroke(77)).save(stream, "PNG")
    kinds = {"image": datasets.Image(), "text": datasets.Value("string")}
    rows = {"image": [{"bytes": stream.getvalue(), "path": None}], "text": ["a"]}
    for name in ("[x]y", "a*b", "what?"):
        (tmp_path / name).mkdir()
        datasets.Dataset.from_dict(rows, features=datasets.Features(kinds)).to_parquet(
            tmp_path / name / "train.parquet"
        )
        assert open_lines(tmp_path / name)[0].image.shape == (32, 77)


def test_a_checkpoint_whose_note_is_too_deep(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", {"gradcheck_lm": DEEP})
    with pytest.raises(CheckpointError, match=r"the metadata of .* is damaged \(it is nested too deeply\)"):
        load_checkpoint(tmp_path / "x.safetensors")


def test_a_checkpoint_whose_sizes_are_no_numbers(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    config = {"name": "x", "height": 32, "width": 64, "stem_channels": 4, "lstm_layers": 1, "lstm_hidden": 8}
    config |= {"lstm_dropout": 0.0, "head_dropout": 0.0, "classes": 3}
    for groups in ([[float("inf"), 8]], [[float("nan"), 8]], [["x", 8]], [[1]], 5, [[10**400, 8]]):
        note = {"format": "recogniser/1", "config": config | {"groups": groups}, "characters": "ab", "extra": {}}
        save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", {"gradcheck_lm": json.dumps(note)})
        with pytest.raises(CheckpointError, match=r"the metadata of .* is damaged"):
            load_checkpoint(tmp_path / "x.safetensors")


def test_random_numbers_of_a_state_that_are_none(tmp_path: Path) -> None:
    file, parts = state(tmp_path)
    kept = torch.get_rng_state()
    version, inner, gauss = json.loads(read_metadata(file.read_bytes(), file)["python"])
    broken = json.dumps([version, [-5, *inner[1:]], gauss])
    try:
        with pytest.raises(CheckpointError, match=r"is damaged .*: delete it to start again"):
            load_state(forged(file, python=broken), config={"a": 1}, **parts)
    finally:
        torch.set_rng_state(kept)


def state(folder: Path) -> tuple[Path, dict]:
    model = torch.nn.Linear(2, 2)
    parts = {"model": model, "optimizer": torch.optim.Adam(model.parameters()), "generators": {"g": torch.Generator()}}
    return save_state(folder / "state.safetensors", step=3, config={"a": 1}, **parts), parts


def forged(file: Path, **entries: str | None) -> Path:
    """The state with other entries in its header."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    for key, value in entries.items():
        header["__metadata__"].pop(key)
        header["__metadata__"] |= {} if value is None else {key: value}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    return file


@pytest.mark.parametrize("step", ["-5", "²", "1.5", "x", "9" * 5000, None])
def test_a_forged_step_is_refused(tmp_path: Path, step: str | None) -> None:
    file = forged(state(tmp_path)[0], step=step)
    with pytest.raises(CheckpointError, match="is not a run's state, or is damaged: delete it to start again"):
        read_metadata(file.read_bytes(), file)


@pytest.mark.parametrize("key", ["config", "param_groups", "numpy", "python", "scaler"])
@pytest.mark.parametrize("value", [DEEP, "5", '["x"]', "{}", "null", "no JSON", None])
def test_other_entries_that_are_forged(tmp_path: Path, key: str, value: str | None) -> None:
    file, parts = state(tmp_path)
    before = torch.get_rng_state()
    harmless = key == "scaler" and value in ("{}", None, DEEP, "5", '["x"]', "null", "no JSON")  # no scaler here
    try:
        if harmless:
            assert load_state(forged(file, **{key: value}), config={"a": 1}, **parts) == 3
        else:
            with pytest.raises(CheckpointError, match=r"damaged|other settings"):
                load_state(forged(file, **{key: value}), config={"a": 1}, **parts)
    finally:
        torch.set_rng_state(before)


def test_a_state_whose_header_is_too_deep(tmp_path: Path) -> None:
    text = DEEP.encode()
    (tmp_path / "s").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(CheckpointError, match="is not a run's state"):
        read_metadata((tmp_path / "s").read_bytes(), tmp_path / "s")


def test_metrics_that_are_too_deep_end_there(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n' + DEEP + "\n")
    assert MetricsFile(tmp_path).keep(1) == [{"step": 1}]


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        "[]",
        '{"schema": 1, "lessons": {"l01": {"hints": "x"}}}',
        '{"schema": 1, "lessons": {"l01": {"hints": []}}}',
        "\xff",
    ],
)
def test_damaged_progress_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / ".gradcheck_lm").mkdir()
    (tmp_path / ".gradcheck_lm" / "progress.json").write_bytes(content.encode("latin1"))
    for ask in (Progress(tmp_path).hints_seen, Progress(tmp_path).state):
        with pytest.raises(DataError, match=r"progress\.json is damaged .*; delete it, and the course begins anew"):
            ask("l01")


# ------------------------------------------------------------------ names and characters


def test_a_name_with_half_a_character_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "\\ud800.png", "text": "a"}\n')
    with pytest.raises(DataError, match=r"does not exist|leads out"):
        open_lines(tmp_path)


@posix
def test_hostile_names_and_characters_stay_in_their_cell(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    for name in ("a\tb\nc.png", "\x1b]0;owned\x07.png", os.fsdecode(b"caf\xe9.png")):
        try:
            save(lines / name)
        except (OSError, UnicodeError):
            pytest.skip("this file system has no such names")
    done = CliRunner().invoke(app, ["transcribe", str(lines)])
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert len(rows) == 3
    assert all(row.count("\t") == 1 for row in rows)
    assert not set(done.stdout) & {"\x1b", "\x07"}
    assert {row.split("\t")[0] for row in rows} == {"a\\tb\\nc.png", "\\x1b]0;owned\\x07.png", "caf\\udce9.png"}
    found = json.loads(CliRunner().invoke(app, ["transcribe", str(lines), "--json"]).stdout)
    assert {row["image"] for row in found} == {"a\tb\nc.png", "\x1b]0;owned\x07.png", "caf\udce9.png"}


def test_characters_of_logits_do_not_steer_the_terminal(tmp_path: Path) -> None:
    logits = np.eye(4, dtype=np.float32)[[[1], [0], [2], [3]]] * 9 - 4
    np.savez(tmp_path / "x.npz", logits=logits, characters="\x1b\x9b\x07")
    done = CliRunner().invoke(app, ["transcribe", str(tmp_path / "x.npz")])
    assert done.stdout == "line 0\t\\x1b\\x9b\\x07\n"
    done = CliRunner().invoke(app, ["transcribe", str(tmp_path / "x.npz"), "--json"])
    assert json.loads(done.stdout)[0]["text"] == "\x1b\x9b\x07"
    assert "\x9b" not in done.stdout


@posix
def test_errors_do_not_steer_the_terminal(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["transcribe", str(tmp_path / "\x1b]0;owned\x07.png")])
    assert done.exit_code == 2
    assert "\\x1b]0;owned\\x07.png" in done.output
    assert not set(done.output) & {"\x1b", "\x07"}


@posix
@pytest.mark.slow
def test_names_that_are_not_utf8_can_be_adapted_to(tmp_path: Path) -> None:
    """`adapt` hashes the names, writes them into a table, a page and JSON, and prints them."""
    lines, out = tmp_path / "lines", tmp_path / "out"
    try:
        save(lines / os.fsdecode(b"caf\xe9\t.png"))
        save(lines / "b.png")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    options = ["--out", str(out), "--lm", "char", "--steps", "1", "--batch-size", "2", "--look-every", "1"]
    done = CliRunner().invoke(app, ["adapt", str(lines), *options])
    assert done.exit_code == 0, done.output
    rows = (out / "readings.tsv").read_text("utf-8").splitlines()
    assert [row.split("\t")[0] for row in rows] == ["image", "b.png", "caf\\udce9\\t.png"]
    assert all(row.count("\t") == 2 for row in rows)
    assert json.loads((out / "adapt.json").read_text("utf-8"))["readings"][1]["image"] == "caf\udce9\t.png"
    assert "caf\\udce9" in (out / "readings.html").read_text("utf-8")
