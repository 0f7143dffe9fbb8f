"""What the fuzz tests read: small good files of every form, made here, and the reader of each."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from data_samples import ALTO, IAM_LINES, IAM_XML, PAGE, page_picture, save, stroke
from fuzz_models import MODEL_READERS
from fuzz_reader import CSV_WORDS, CUT, JSON_WORDS, NUMBERS, XML_WORDS, Reader, headed, header_of, safetensors_file
from PIL import Image

from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.htr import CRNN, Charset, load_checkpoint, open_lines, read_logits
from gradcheck_lm.htr.checkpoint import save_checkpoint
from gradcheck_lm.htr.crnn import CRNNConfig
from gradcheck_lm.htr.images import FORMATS, read_image
from gradcheck_lm.htr.readers.iam import read_split
from gradcheck_lm.htr.readers.logits import read_charset
from gradcheck_lm.htr.synthetic.text import read_paragraphs
from gradcheck_lm.lab.folder.metrics_file import MetricsFile
from gradcheck_lm.lab.folder.state import load_state, save_state

ABC = Charset("abc ")


def picture_seeds() -> list[bytes]:
    found = []
    for form in FORMATS:
        stream = io.BytesIO()
        Image.fromarray(stroke(40, 16)).save(stream, form)
        found.append(stream.getvalue())
    for mode in ("1", "P", "RGBA", "LA", "I;16"):
        stream = io.BytesIO()
        Image.fromarray(stroke(40, 16)).convert(mode).save(stream, "PNG")
        found.append(stream.getvalue())
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stroke(40, 16)).save(stream, "JPEG", exif=exif)
    return [*found, stream.getvalue()]


def png_mended(data: bytes) -> bytes:
    """The same with right checksums, where it is a PNG."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    mended, place = data[:8], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        chunk = data[place + 4 : place + 8 + length]
        mended += data[place : place + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        place += 12 + length
    return mended + data[place:]


def read_picture(folder: Path, data: bytes) -> None:
    read_image(data, name="x")


def in_folder(
    name: str, *, pictures: tuple[str, ...] = ("0.png",), **options: object
) -> Callable[[Path, bytes], object]:
    """A reader of `open_lines` whose folder holds the file and some pictures."""

    def read(folder: Path, data: bytes) -> None:
        for picture in pictures:
            if not (folder / picture).exists():
                save(folder / picture, page_picture() if name.endswith(".xml") else stroke())
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        for line in open_lines(folder):
            _ = line.image

    return read


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_seeds() -> list[bytes]:
    logits = np.linspace(-5, 4, 30, dtype=np.float32).reshape(3, 2, 5)
    return [npy_bytes(logits), npy_bytes(np.asfortranarray(logits[:, 0].astype(np.float64)))]


def npz_seeds() -> list[bytes]:
    logits = np.linspace(-5, 4, 30).reshape(3, 2, 5)
    found = []
    for saver in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        saver(stream, logits=logits, labels=["ab", "c"], characters="abc ", lengths=[2, 3], blank="last")
        found.append(stream.getvalue())
    return found


def rezipped(data: bytes) -> bytes:
    """An archive whose members are these bytes, cut at a mark: the damage is inside, the zip is whole."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, member in zip(("logits", "labels", "lengths", "characters", "blank"), data.split(CUT), strict=False):
            archive.writestr(f"{name}.npy", member)
    return stream.getvalue()


def npz_inside_seeds() -> list[bytes]:
    arrays = (np.ones((3, 2, 5)) - np.eye(5)[:3, None], np.array(["ab", "c"]), np.array([2, 3]), np.array("abc "))
    return [CUT.join(npy_bytes(array) for array in arrays)]


def logits_file(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        (folder / name).write_bytes(data)
        read_logits(folder / name, charset=None if name.endswith("z") else ABC)

    return read


def read_characters(folder: Path, data: bytes) -> None:
    (folder / "charset.txt").write_bytes(data)
    read_charset(folder / "charset.txt")


def read_prose(folder: Path, data: bytes) -> None:
    (folder / "x.txt").write_bytes(data)
    read_paragraphs(folder / "x.txt")


@cache
def checkpoint_seeds_file() -> bytes:
    import tempfile

    config = CRNNConfig("small", 32, 64, 4, ((1, 8),), 1, 8, 0.0, 0.0, 5)
    with tempfile.TemporaryDirectory() as folder:
        return save_checkpoint(CRNN(config), ABC, Path(folder, "x.safetensors")).read_bytes()


def state_parts() -> dict:
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return {"model": model, "optimizer": optimizer, "generators": {"g": torch.Generator()}}


@cache
def state_file() -> bytes:
    import tempfile

    parts = state_parts()
    parts["model"](torch.ones(1, 2)).sum().backward()
    parts["optimizer"].step()
    with tempfile.TemporaryDirectory() as folder:
        return save_state(Path(folder, "s"), step=3, config={"a": 1}, **parts).read_bytes()


def read_state(folder: Path, data: bytes) -> None:
    (folder / "state.safetensors").write_bytes(data)
    load_state(folder / "state.safetensors", config={"a": 1}, **state_parts())


def read_metrics(folder: Path, data: bytes) -> None:
    (folder / "metrics.jsonl").write_bytes(data)
    MetricsFile(folder).keep(2)


def read_progress(folder: Path, data: bytes) -> None:
    (folder / ".gradcheck_lm").mkdir(exist_ok=True)
    (folder / ".gradcheck_lm" / "progress.json").write_bytes(data)
    for lesson in ("l01", "l02"):
        Progress(folder).hints_seen(lesson)
        Progress(folder).state(lesson)


@cache
def parquet_file() -> bytes:
    datasets = __import__("datasets")
    stream, target = io.BytesIO(), io.BytesIO()
    Image.fromarray(stroke(40, 16)).save(stream, "PNG")
    kinds = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    rows = {"image": [{"bytes": stream.getvalue(), "path": None}], "text": ["a"]}
    datasets.Dataset.from_dict(rows, features=kinds).to_parquet(target)
    return target.getvalue()


def read_parquet(folder: Path, data: bytes) -> None:
    datasets = __import__("datasets")
    datasets.config.HF_DATASETS_CACHE = folder / "cache"
    (folder / "train.parquet").write_bytes(data)
    try:
        for line in open_lines(folder / "train.parquet"):
            _ = line.image
    finally:
        shutil.rmtree(folder / "cache", ignore_errors=True)


def read_saved(folder: Path, data: bytes) -> None:
    datasets = __import__("datasets")
    if not (folder / "train").exists():
        kinds = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
        stream = io.BytesIO()
        Image.fromarray(stroke(40, 16)).save(stream, "PNG")
        rows = {"image": [{"bytes": stream.getvalue(), "path": None}], "text": ["a"]}
        datasets.Dataset.from_dict(rows, features=kinds).save_to_disk(folder / "train")
    (folder / "dataset_dict.json").write_bytes(data)
    for line in open_lines(folder, split="train"):
        _ = line.image


def read_ids(folder: Path, data: bytes) -> None:
    (folder / "ids.txt").write_bytes(data)
    read_split(folder / "ids.txt")


def page(form: str) -> bytes:
    return form.format(image="p1.png").encode()


LABELS = b"0.png\ta b\n0.png\tcaf\xc3\xa9\n"
METRICS = b"".join(json.dumps({"step": step, "total": 1.5, "terms": {"ctc": 2.0}}).encode() + b"\n" for step in (1, 2))
PROGRESS = json.dumps({"schema": 1, "lessons": {"l01": {"hints": 2, "read": True}, "l02": {"checked": True}}}).encode()
METADATA = b'file_name,text\n0.png,"a, b"\n0.png,\n'
ROWS = b'{"file_name": "0.png", "text": "a"}\n{"file_name": "0.png", "text": null}\n'

READERS = (
    Reader("pictures", picture_seeds, read_picture, png_mended, 400),
    Reader("labels.tsv", lambda: [LABELS], in_folder("labels.tsv"), examples=250, words=CSV_WORDS),
    Reader("PAGE", lambda: [page(PAGE)], in_folder("p1.xml", pictures=("p1.png",)), words=XML_WORDS),
    Reader("ALTO", lambda: [page(ALTO)], in_folder("p1.xml", pictures=("p1.png",)), words=XML_WORDS),
    Reader(
        "IAM forms", lambda: [IAM_XML.encode()], in_folder("xml/a01-000u.xml", pictures=("formsA-D/a01-000u.png",)),
        words=XML_WORDS,
    ),
    Reader(
        "IAM lines", lambda: [IAM_LINES.encode()], in_folder("ascii/lines.txt", pictures=("lines/a01-000u-00.png",)),
        words=CSV_WORDS,
    ),
    Reader("gt.txt", lambda: [b"0 a b\n1-2 c\n"], in_folder("gt.txt", pictures=("0.png", "1-2.png")), words=CSV_WORDS),
    Reader("transcripts", lambda: [b"\xef\xbb\xbfa b\n"], in_folder("0.gt.txt"), examples=250, words=CSV_WORDS),
    Reader("metadata.csv", lambda: [METADATA], in_folder("metadata.csv"), examples=250, words=CSV_WORDS),
    Reader("metadata.jsonl", lambda: [ROWS], in_folder("metadata.jsonl"), examples=250, words=JSON_WORDS),
    Reader("npy", npy_seeds, logits_file("x.npy"), examples=400, words=NUMBERS),
    Reader("npz", npz_seeds, logits_file("x.npz"), examples=250, words=NUMBERS),
    Reader("inside npz", npz_inside_seeds, logits_file("x.npz"), rezipped, 250, words=(*NUMBERS, b"'|O'", b"(", b"{")),
    Reader("csv", lambda: [b"0;1;2;3;4;\n-1;2;3;4.5;1e-3;\n"], logits_file("x.csv"), examples=400, words=CSV_WORDS),
    Reader("charset", lambda: [b"abc \n", b"a\nb\nc\n \n"], read_characters, examples=400, words=CSV_WORDS),
    Reader("text", lambda: [b"First line\nsecond\n\nAnother one.\n"], read_prose, examples=400, words=CSV_WORDS),
    Reader("checkpoint", lambda: [checkpoint_seeds_file()], safetensors_file(load_checkpoint), examples=100),
    Reader(
        "checkpoint's header", lambda: [header_of(checkpoint_seeds_file())], safetensors_file(load_checkpoint), headed,
        100, JSON_WORDS,
    ),
    Reader("state", lambda: [state_file()], read_state, examples=100),
    Reader("state's header", lambda: [header_of(state_file())], read_state, headed, 100, JSON_WORDS),
    Reader("metrics", lambda: [METRICS], read_metrics, examples=300, words=JSON_WORDS),
    Reader("progress", lambda: [PROGRESS], read_progress, examples=300, words=JSON_WORDS),
    Reader("parquet", lambda: [parquet_file()], read_parquet, examples=40),
    Reader("saved data set", lambda: [b'{"splits": ["train", "test"]}'], read_saved, examples=40, words=JSON_WORDS),
    Reader("split of IAM", lambda: [b"a01-000u\na01-000u-00\n"], read_ids, examples=250, words=CSV_WORDS),
    *MODEL_READERS,
)  # fmt: skip
