"""Recognisers on disk."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from gradcheck_lm.errors import CheckpointError
from gradcheck_lm.htr import CRNN, Charset, build_crnn, load_checkpoint, save_checkpoint
from gradcheck_lm.htr import checkpoint as module
from gradcheck_lm.htr.crnn import CRNNConfig

safetensors = pytest.importorskip("safetensors.torch")

ABC = Charset("abc ")
TINY = CRNNConfig(
    name="tiny", height=32, width=64, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=1, lstm_hidden=8,
    lstm_dropout=0.0, head_dropout=0.0, classes=5,
)  # fmt: skip


@pytest.fixture
def model() -> CRNN:
    torch.manual_seed(3)
    model = build_crnn(TINY)
    model(torch.rand(2, 1, 32, 64))  # moves the running statistics away from their start
    return model.eval()


def test_what_is_saved_is_loaded(model: CRNN, tmp_path: Path) -> None:
    file = save_checkpoint(model, ABC, tmp_path / "new" / "m.safetensors", extra={"cer": "0.1"})
    loaded, charset, extra = load_checkpoint(file)
    assert (loaded.config, charset, extra) == (TINY, ABC, {"cer": "0.1"})
    assert not loaded.training
    images = torch.rand(2, 1, 32, 64)
    assert torch.equal(loaded(images), model(images))
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_half_is_half_the_size_and_loads_as_float32(model: CRNN, tmp_path: Path) -> None:
    whole = save_checkpoint(model, ABC, tmp_path / "whole.safetensors")
    half = save_checkpoint(model, ABC, tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.75 * whole.stat().st_size
    loaded, *_ = load_checkpoint(half)
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32, torch.int64}
    images = torch.rand(2, 1, 32, 64)
    torch.testing.assert_close(loaded(images), model(images), atol=5e-3, rtol=0)
    assert not torch.equal(loaded(images), model(images))


def test_small_variances_survive_half(model: CRNN, tmp_path: Path) -> None:
    variance = model.groups[0][0].body[1].running_var
    variance.fill_(1e-9)
    loaded, *_ = load_checkpoint(save_checkpoint(model, ABC, tmp_path / "m.safetensors", half=True))
    assert torch.equal(loaded.groups[0][0].body[1].running_var, variance)


def test_equal_models_give_equal_files(model: CRNN, tmp_path: Path) -> None:
    extra = {"a": "1", "b": "2", "c": "3"}
    first = save_checkpoint(model, ABC, tmp_path / "1", extra=extra)
    second = save_checkpoint(model, ABC, tmp_path / "2", extra=dict(reversed(extra.items())))
    assert first.read_bytes() == second.read_bytes()


def test_a_weight_beyond_float16_is_refused(model: CRNN, tmp_path: Path) -> None:
    model.head[1].weight.data[0, 0] = 1e6
    with pytest.raises(CheckpointError, match=r"head\.1\.weight.*1e\+06.*half=False"):
        save_checkpoint(model, ABC, tmp_path / "m", half=True)
    assert not list(tmp_path.iterdir())


def test_a_charset_that_does_not_fit_is_refused_at_saving(model: CRNN, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"5 classes.*3 characters needs 4"):
        save_checkpoint(model, Charset("abc"), tmp_path / "m")


def test_a_failed_write_leaves_the_old_file(model: CRNN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = save_checkpoint(model, ABC, tmp_path / "m.safetensors")
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot write.*No space left on device.*has room"):
        save_checkpoint(model, ABC, file, extra={"new": "1"})
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'there is no checkpoint .*none\.safetensors.*"synthetic"'):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="is a folder"):
        load_checkpoint(tmp_path)


def test_the_shipped_one_missing_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_SHIPPED", tmp_path / "synthetic-small.safetensors")
    with pytest.raises(CheckpointError, match=r"ships with the package.*python -m gradcheck_lm train"):
        load_checkpoint("synthetic")


def test_damaged(model: CRNN, tmp_path: Path) -> None:
    file = save_checkpoint(model, ABC, tmp_path / "m.safetensors")
    data = file.read_bytes()
    for broken in (data[: len(data) // 2], data[:20], b"hello", os.urandom(64) + data):
        file.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"m\.safetensors is damaged.*again"):
            load_checkpoint(file)
    file.write_bytes(b"")
    with pytest.raises(CheckpointError, match="is empty"):
        load_checkpoint(file)


def test_pickles_are_never_opened(model: CRNN, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"weights": Bomb()}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=r"is a pickle.*save_checkpoint"):
        load_checkpoint(tmp_path / "m.pt")
    assert not (tmp_path / "ran").exists()


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(safetensors.save({"x": torch.zeros(2)}, {"format": "pt"}))
    with pytest.raises(CheckpointError, match="no recogniser of gradcheck_lm"):
        load_checkpoint(tmp_path / "m.safetensors")


def write(path: Path, model: CRNN, **changes: object) -> Path:
    """A checkpoint whose note says something else than its weights."""
    note = {"format": "recogniser/1", "config": asdict(model.config), "characters": "abc ", "extra": {}} | changes
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    path.write_bytes(safetensors.save(tensors, {"gradcheck_lm": json.dumps(note)}))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "recogniser/9"}, "'recogniser/9'.*update gradcheck_lm"),
        ({"characters": "ab"}, "5 classes and a charset of 3"),
        ({"characters": "aa"}, "more than once"),
        ({"characters": None}, "damaged"),
        ({"config": None}, "damaged"),
        ({"config": {"name": "x"}}, "damaged"),
        ({"config": asdict(TINY) | {"lstm_hidden": 10**12}}, "lstm_hidden must be"),
        ({"config": asdict(TINY) | {"lstm_layers": 9999}}, "more than 16 LSTM layers"),
        ({"config": asdict(TINY) | {"groups": [[9999, 9999]]}}, "64 residual blocks"),
        ({"config": asdict(TINY) | {"lstm_hidden": 16}}, "does not fit its own config 'tiny'.*head.1.weight"),
        ({"config": asdict(TINY) | {"lstm_hidden": 16000}}, "does not fit its own config"),
    ],
)
def test_a_note_that_lies_is_found_out(model: CRNN, tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(write(tmp_path / "m.safetensors", model, **changes))


def test_another_shape_or_charset_than_asked_for(model: CRNN, tmp_path: Path) -> None:
    file = save_checkpoint(model, ABC, tmp_path / "m.safetensors")
    load_checkpoint(file, config=TINY, charset=ABC)
    with pytest.raises(CheckpointError, match=r"another shape: width 64 \(asked for: 128\)"):
        load_checkpoint(file, config=replace(TINY, width=128))
    with pytest.raises(CheckpointError, match=r"4 characters, 3 were asked for.*lacks 'd' and has 'c ' more"):
        load_checkpoint(file, charset=Charset("abd"))
