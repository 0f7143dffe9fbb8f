"""Malformed and hostile input: a sentence with exit code 2, no traceback, nothing waited for."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_samples import PAGE, pages, stroke
from PIL import Image
from platforms import posix

from gradcheck_lm.errors import DataError, GradcheckLMError
from gradcheck_lm.htr import Charset, load_checkpoint, open_lines, read_logits
from gradcheck_lm.htr.images import read_image
from gradcheck_lm.htr.readers.arrays import load_arrays
from gradcheck_lm.htr.readers.page_xml import read_page

# ------------------------------------------------------------------ pipes


@posix
@pytest.mark.parametrize("what", ["charset", "csv", "npy", "npz", "checkpoint", "picture", "xml", "texts"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, what: str) -> None:
    from gradcheck_lm.htr.synthetic.text import read_paragraphs

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
