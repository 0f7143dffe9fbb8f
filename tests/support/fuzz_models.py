"""What the fuzz tests read of models and runs: checkpoints, n-grams, states, folders, and the reader of each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from gradcheck_lm.course.progress import Progress
from gradcheck_lm.htr import CRNN, Charset
from gradcheck_lm.htr.checkpoint import save_checkpoint
from gradcheck_lm.htr.crnn import CRNNConfig
from gradcheck_lm.lab.folder.metrics_file import MetricsFile
from gradcheck_lm.lab.folder.state import load_state, save_state
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.load import CHAR_FOLDER
from gradcheck_lm.lm.ngram import NgramConfig, train_ngram
from gradcheck_lm.lm.ngram_file import save_ngram

ABC = Charset("abc ")
CUT = b"<cut>"


@cache
def checkpoint_seeds_file() -> bytes:
    import tempfile

    config = CRNNConfig("small", 32, 64, 4, ((1, 8),), 1, 8, 0.0, 0.0, 5)
    with tempfile.TemporaryDirectory() as folder:
        return save_checkpoint(CRNN(config), ABC, Path(folder, "x.safetensors")).read_bytes()


def header_of(data: bytes) -> bytes:
    """A safetensors file as its header's text, a mark, and its numbers."""
    size = int.from_bytes(data[:8], "little")
    return data[8 : 8 + size] + CUT + data[8 + size :]


def headed(data: bytes) -> bytes:
    """The reverse: the length of the header is right again."""
    head, _, rest = data.partition(CUT)
    return len(head).to_bytes(8, "little") + head + rest


def safetensors_file(load: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        (folder / "x.safetensors").write_bytes(data)
        load(folder / "x.safetensors")

    return read


@cache
def ngram_file() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return save_ngram(train_ngram(["a bad cab"], NgramConfig(order=3, characters="abcd ")), folder).read_bytes()


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


def lm_folder(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        if not (folder / "lm").exists():
            shutil.copytree(CHAR_FOLDER, folder / "lm")
        (folder / "lm" / name).write_bytes(data)
        load_language_model(str(folder / "lm")).nll(["a word"])

    return read


METRICS = b"".join(json.dumps({"step": step, "total": 1.5, "terms": {"ctc": 2.0}}).encode() + b"\n" for step in (1, 2))
PROGRESS = json.dumps({"schema": 1, "lessons": {"l01": {"hints": 2, "read": True}, "l02": {"checked": True}}}).encode()
