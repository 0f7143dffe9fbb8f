"""Files that would give wrong figures without a word: labels as bytes, cut models, another model's characters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.errors import ArgumentError, DataError, LanguageModelError
from gradcheck_lm.htr import Charset, read_logits
from gradcheck_lm.htr.readers.logits import read_charset
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.load import CHAR_FOLDER
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, train_ngram
from gradcheck_lm.lm.ngrams.ngram_file import load_ngram, save_ngram

LOGITS = np.eye(5, dtype=np.float32)[[[1, 2], [0, 0], [2, 3]]] * 9 - 4  # two lines: "ab" and "bc"


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "x.npz", **{"logits": LOGITS, **arrays})
    return folder / "x.npz"


def test_labels_as_bytes_are_the_same_labels(tmp_path: Path) -> None:
    file = npz(tmp_path, labels=np.array([b"ab", "bé".encode()]), characters=np.array([b"a", b"b", b"c", b" "]))
    found = read_logits(file)
    assert found.transcripts == ["ab", "bé"]
    assert found.charset == Charset("abc ")
    assert read_logits(npz(tmp_path, blank=np.bytes_(b"first")), charset=Charset("abc ")).names
    np.save(tmp_path / "c.npy", np.array([b"a", b"b"]))
    assert read_charset(tmp_path / "c.npy") == Charset("ab")


def test_a_perfect_reading_with_labels_as_bytes_has_no_errors(tmp_path: Path) -> None:
    file = npz(tmp_path, labels=np.array([b"ab", b"bc"]), characters="abc ")
    done = CliRunner().invoke(app, ["evaluate", str(file), "--json"])
    assert json.loads(done.stdout)["cer"] == 0


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("labels", np.array([1, 2])),
        ("labels", np.array([0.5, 1.5])),
        ("labels", np.array([b"ab", b"\xff\xfe"])),
        ("characters", np.array([97, 98, 99, 32])),
        ("blank", np.array(True)),
    ],
)
def test_texts_that_are_none_are_refused(tmp_path: Path, name: str, array: np.ndarray) -> None:
    with pytest.raises(DataError, match=f"'{name}' of .* (expected texts|is no UTF-8): save them as an array of str"):
        read_logits(npz(tmp_path, **{name: array}), charset=Charset("abc "))


@pytest.mark.parametrize(
    "lengths", [np.array(["a", "b"]), np.array([b"2", b"3"]), np.zeros(2, "V4"), np.array([1.5, 2])]
)
def test_lengths_that_are_no_whole_numbers_are_refused(tmp_path: Path, lengths: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match=r"'lengths' are .*; wanted are whole numbers of frames"):
        read_logits(npz(tmp_path, lengths=lengths), charset=Charset("abc "))


def test_whole_lengths_of_any_kind_are_taken(tmp_path: Path) -> None:
    for kind in (np.uint8, np.int64, np.float64):
        found = read_logits(npz(tmp_path, lengths=np.array([2, 3], kind)), charset=Charset("abc "))
        assert found.lengths.tolist() == [2, 3]


# ------------------------------------------------------------------ language models


def character_model(folder: Path, *, characters: object = None, **config: object) -> str:
    """A copy of the shipped model with another config or other characters."""
    shutil.copytree(CHAR_FOLDER, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | config))
    if characters is not None:
        (folder / "characters.json").write_text(json.dumps({"characters": characters}))
    return str(folder)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (1, r"hold 22 tensors more than its config speaks of \(first: transformer\.h\.1\."),
        (-1, "says -1 layers, a model has at least 1"),
        (0, "says 0 layers, a model has at least 1"),
        (20_000, "has 20000 layers, at most 1000 are read"),
        (4, "lack 12 tensors"),
    ],
)
def test_a_config_with_other_layers_than_the_weights_is_refused(tmp_path: Path, layers: int, words: str) -> None:
    with pytest.raises(LanguageModelError, match=words):
        load_language_model(character_model(tmp_path / "lm", n_layer=layers))


@pytest.mark.parametrize(
    ("characters", "words"),
    [
        ("", "make 2 tokens .* embeds 81: they do not belong together"),
        ("ab", "make 4 tokens .* embeds 81: they do not belong together"),
        ("a" * 79, "holds a character twice"),
        (["a", "b"], "expected a text: copy the folder again"),
        (None, ""),
    ],
)
def test_characters_of_another_model_are_refused(tmp_path: Path, characters: object, words: str) -> None:
    folder = character_model(tmp_path / "lm", characters=characters)
    if characters is None:
        assert load_language_model(folder).nll(["good"]).item() > 0
        return
    with pytest.raises(LanguageModelError, match=words):
        load_language_model(folder)


def test_a_head_for_another_task_may_be_left_over(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(character_model(tmp_path / "lm"))
    tensors = load_file(folder / "model.safetensors")
    before = load_language_model("char").nll(["good"])
    bias = next(iter(tensors.values())).new_zeros(1, 1, 256, 256)
    tensors |= {"v_head.summary.weight": bias.flatten()[:96].clone(), "transformer.h.0.attn.bias": bias}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert load_language_model(str(folder)).nll(["good"]).item() == pytest.approx(before.item())


def test_an_ngram_of_a_lower_order_than_its_tables_is_refused(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    file = save_ngram(train_ngram(["some text to count in"], NgramConfig(order=4)), tmp_path)
    with safe_open(str(file), framework="pt") as opened:
        ((key, note),) = opened.metadata().items()
    for changed, words in (
        ({"order": 2}, "is of no order there"),
        ({"order": 10**9}, "order is 1000000000"),
        ({"lines": "no"}, "lines is 'no', expected bool"),
        ({"smallest_count": "1"}, "smallest_count is '1', expected int"),
        ({"order": True}, "order is True, expected int"),
    ):
        save_file(load_file(file), tmp_path / "x.safetensors", {key: json.dumps(json.loads(note) | changed)})
        with pytest.raises(LanguageModelError, match=words):
            load_ngram(tmp_path / "x.safetensors")
    save_file(load_file(file), tmp_path / "x.safetensors", {key: "[" * 100_000})
    with pytest.raises(LanguageModelError, match=r"is damaged .*nested too deeply"):
        load_ngram(tmp_path / "x.safetensors")


@pytest.mark.parametrize("number", [0x110000, 0xFFFFFFFF, 0xD800])
def test_numbers_that_are_no_unicode_are_refused(tmp_path: Path, number: int) -> None:
    """NumPy makes a str of them that Python cannot handle: to count its characters is a SystemError."""
    for kind in ("<U1", ">U1"):
        broken = np.array([97, number], kind.replace("U1", "u4")).view(kind)
        for name, arrays in (("characters", {"characters": broken}), ("labels", {"labels": broken})):
            with pytest.raises(DataError, match=f"'{name}' of .* hold numbers that are no Unicode"):
                read_logits(npz(tmp_path, **arrays), charset=Charset("abc "))
