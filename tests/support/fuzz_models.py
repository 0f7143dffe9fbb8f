"""Language models that the fuzz tests spoil: n-grams of both forms, and the files of a folder."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fuzz_reader import JSON_WORDS, NUMBERS, Reader, headed, header_of, safetensors_file

from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.load import CHAR_FOLDER
from gradcheck_lm.lm.ngrams.arpa import load_arpa
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, train_ngram
from gradcheck_lm.lm.ngrams.ngram_file import load_ngram, save_ngram

ARPA = b"""\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-2.0\t<unk>
-99\t<s>\t-0.5
-1.0\t</s>
-0.5\ta\t-0.25
-0.6\t<space>\t-0.2

\\2-grams:
-0.2\t<s> a\t-0.1
-0.3\ta a\t-0.4
-0.7\ta </s>

\\3-grams:
-0.15\t<s> a a

\\end\\
"""
ARPA_WORDS = (
    *NUMBERS,
    b"\\",
    b"\\data\\",
    b"\\end\\",
    b"\\2-grams:\n",
    b"ngram 2=",
    b"\t",
    b"\n",
    b" ",
    b"<s>",
    b"</s>",
)


@cache
def ngram_file() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return save_ngram(train_ngram(["a bad cab"], NgramConfig(order=3, characters="abcd ")), folder).read_bytes()


def arpa_file(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        (folder / name).write_bytes(data)
        load_arpa(folder / name).nll(["a a", "x"])

    return read


def lm_folder(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        if not (folder / "lm").exists():
            shutil.copytree(CHAR_FOLDER, folder / "lm")
        (folder / "lm" / name).write_bytes(data)
        load_language_model(str(folder / "lm")).nll(["a word"])

    return read


MODEL_READERS = (
    Reader("n-gram", lambda: [ngram_file()], safetensors_file(load_ngram), examples=200),
    Reader("n-gram's header", lambda: [header_of(ngram_file())], safetensors_file(load_ngram), headed, 200, JSON_WORDS),
    Reader(
        "characters of a model", lambda: [(CHAR_FOLDER / "characters.json").read_bytes()], lm_folder("characters.json"),
        examples=40, words=JSON_WORDS,
    ),
    Reader(
        "config of a model", lambda: [(CHAR_FOLDER / "config.json").read_bytes()], lm_folder("config.json"),
        examples=40, words=JSON_WORDS,
    ),
    Reader("ARPA", lambda: [ARPA], arpa_file("x.arpa"), examples=250, words=ARPA_WORDS),
    Reader("ARPA, packed", lambda: [gzip.compress(ARPA)], arpa_file("x.arpa.gz"), examples=250),
    Reader("inside packed ARPA", lambda: [ARPA], arpa_file("x.arpa.gz"), gzip.compress, 100, ARPA_WORDS),
)  # fmt: skip
