"""What a run or a learner kept, forged or damaged: checkpoints, states, metrics and progress: each is a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.errors import CheckpointError, DataError
from gradcheck_lm.htr import load_checkpoint
from gradcheck_lm.lab.folder.metrics_file import MetricsFile
from gradcheck_lm.lab.folder.state import load_state, read_metadata, save_state

DEEP = "[" * 100_000


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
