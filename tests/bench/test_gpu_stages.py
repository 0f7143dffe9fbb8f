"""The GPU benchmark's stages: in time, taken up again, never two devices on one page; tried on the CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gradcheck_lm.bench.gpu import run as gpu_run
from gradcheck_lm.bench.gpu.arms import hand_arms, label_arms
from gradcheck_lm.bench.gpu.page import TABLES, TITLES
from gradcheck_lm.bench.gpu.run import STAGES, run_gpu
from gradcheck_lm.bench.gpu.sizes import Sizes, fitted
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.lab.training.controls import CONTROLS


def quiet(_: str) -> None:
    """No progress is shown."""


def gpu(out: Path, **options: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"minutes": 5.0, "device": "cpu", "lm": "char", "progress": quiet} | options
    run_gpu(out, **settings)
    return json.loads((out / "gpu.json").read_text(encoding="utf-8"))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages that only say that they ran; the second of them has something left at first."""
    ran: list[str] = []

    def stage(name: str) -> Any:
        def work(scene: Any) -> dict[str, Any]:
            ran.append(name)
            return {"left": "half of it"} if name == "train" and ran.count("train") == 1 else {}

        return work

    monkeypatch.setattr(gpu_run, "STAGES", {name: (stage(name), 0) for name in STAGES})
    monkeypatch.setattr(gpu_run, "page", lambda report: "page\n")
    return ran


def test_a_later_call_goes_on_with_what_is_left(tmp_path: Path, counted: list[str]) -> None:
    gpu(tmp_path, stages=["calibrate", "train"])
    assert counted == ["calibrate", "train"]
    gpu(tmp_path, stages=["calibrate", "train", "labels"])
    assert counted == ["calibrate", "train", "train", "labels"]
    report = gpu(tmp_path, again=True)
    assert counted[4:] == list(STAGES)
    assert report["minutes"] == [5.0, 5.0, 5.0]


def test_a_stage_that_fails_costs_no_other_and_is_tried_again(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(scene: Any) -> dict[str, Any]:
        counted.append("calibrate")
        raise DataError("no lines")

    monkeypatch.setitem(gpu_run.STAGES, "calibrate", (fails, 0))
    report = gpu(tmp_path, stages=["calibrate", "speed"])
    assert report["stages"]["calibrate"]["failed"] == "DataError: no lines"
    gpu(tmp_path, stages=["calibrate", "speed"])
    assert counted == ["calibrate", "speed", "calibrate"]


def test_figures_of_another_device_are_not_mixed_in(tmp_path: Path, counted: list[str]) -> None:
    report = gpu(tmp_path, stages=["tests"])
    (tmp_path / "gpu.json").write_text(json.dumps(report | {"device": "NVIDIA H100"}), encoding="utf-8")
    with pytest.raises(ArgumentError, match="device 'NVIDIA H100' there"):
        gpu(tmp_path, stages=["tests"])
    (tmp_path / "gpu.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ArgumentError, match="is no record of this benchmark"):
        gpu(tmp_path, stages=["tests"])
    assert counted == ["tests"]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"stages": ["labals"]}, "no stage 'labals': choose of calibrate"), ({"minutes": 0.0}, "minutes is 0")],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        gpu(tmp_path, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="torch sees no GPU here"):
        gpu(tmp_path, device="cuda:0")


def test_sizes_fit_the_minutes_and_stay_in_bounds() -> None:
    seconds = {name: {"float32": 0.25, "bf16": 0.2} for name in label_arms()} | {"ctc": {"float32": 0.05, "tf32": 0.04}}
    some, more = fitted(seconds, 3), fitted(seconds, 90)
    assert more.label_steps == Sizes().label_steps
    assert 2 <= some.label_steps < more.label_steps
    assert some.precision == "no"
    # what the steps of the stage with labels take stays within its share
    assert some.label_steps * (7 * 0.25 + 2 * 0.05) <= 0.3 * 3 * 60
    assert fitted({"ctc": {"float32": 0.05, "bf16": 0.04}}, 9).precision == "bf16"
    assert fitted({"ctc": {"float32": 100.0}}, 1) == Sizes(train_steps=20, label_steps=2, hand_steps=2)


def test_every_stage_has_a_table_and_every_control_an_arm() -> None:
    assert set(STAGES) == set(TABLES) == set(TITLES)
    assert list(label_arms())[:2] == ["ctc", "ctc_again"]
    assert set(CONTROLS) <= set(hand_arms())


@pytest.mark.slow
def test_all_stages_on_the_processor(tmp_path: Path) -> None:
    names = [name for name in STAGES if name != "tests"]
    report = gpu(tmp_path, stages=names)
    assert not [name for name in names if "failed" in report["stages"][name]], report["stages"]
    arms = report["stages"]["labels"]["arms"]
    assert arms["argmax"]["identical_to_ctc_only"] is True
    assert arms["ctc_again"]["difference_to_ctc_only"] == 0.0
    assert arms["argmax"]["lm_gradient_norm"] == 0.0
    assert arms["soft_embedding"]["lm_gradient_norm"] > 0
    assert set(report["stages"]["hand"]["change"]) == set(hand_arms())
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert all(f"## {TITLES[name]}" in text for name in names)
    assert (tmp_path / "report.html").is_file()
