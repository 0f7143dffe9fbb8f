"""The training benchmark: it compares like with like, measures what it says, and its page is of its data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from reference_checkout import CONFIG, PLAN, TINY, make_checkout

from gradcheck_lm.bench.timing import Timings
from gradcheck_lm.bench.train import STAGES, against_the_reference, run_train
from gradcheck_lm.bench.train_page import page
from gradcheck_lm.bench.train_plan import Contestant, Plan, lines_of, reduced
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.crnn import build_crnn
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lm import dtype as dtype_module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "theirs")


def test_another_network_is_not_compared(checkout: Path) -> None:
    (checkout / "config.yaml").write_text(CONFIG.replace("[1, 8]", "[2, 8]"), encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"parameters, ours [\d,]+: they cannot be compared"):
        against_the_reference(build_crnn(TINY), lines_of(TINY, 2), checkout, PLAN)


def test_our_contestant_takes_the_step_of_our_trainer_on_the_same_lines(checkout: Path) -> None:
    data = lines_of(TINY, 2)
    contestant = Contestant(build_crnn(TINY), data, PLAN)
    assert contestant.model.training
    before = contestant.model.stem.weight.detach().clone()
    contestant.step()
    assert not torch.equal(contestant.model.stem.weight, before)
    # theirs and ours read the same pictures: only their order may differ
    ours, theirs = contestant.make(0), data.take(range(2))
    assert sorted(ours.texts) == sorted(theirs.texts)
    assert torch.equal(ours.images.sum((1, 2, 3)).sort()[0], theirs.images.sum((1, 2, 3)).sort()[0])


def test_the_whole_benchmark_on_a_tiny_recogniser(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(dtype_module, "prefers_bfloat16", lambda: True)
    path = run_train(out, reference=checkout, device="cpu", repeats=2, progress=lambda _: None, plan=PLAN)
    report = json.loads((out / "train.json").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    stages = report["stages"]
    assert set(stages["reference"]["rows"]) == {"ours", "reference", "ours, bf16"}
    assert all(len(seconds) == 2 for seconds in stages["reference"]["seconds"].values())
    assert stages["reference"]["parameters"] == report["parameters"]
    ratio = Timings(stages["reference"]["seconds"]).ratio("reference", "ours")
    assert stages["reference"]["ratio"] == ratio
    assert f"| {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) |" in text
    assert set(stages["options"]["gains"]) == {"feature maps in rows", "fused", "bf16"}
    works = {"matrix product", "convolution"}
    measured = {kind: set(reached) for kind, reached in stages["flops"]["peak_flops_per_second"].items()}
    assert measured == {"float32": works, "bfloat16": works}
    assert "Left out" not in text
    data = lines_of(TINY, 6, buckets=2)
    make = BatchMaker(data, Contestant(build_crnn(TINY), data, PLAN).trainer.config)
    assert stages["buckets"]["widths"] == [make(step).images.shape[-1] for step in range(3, 6)]
    rows = stages["data"]["rows"]
    assert [(row["source"], row["prefetch"]) for row in rows[:4]] == [
        ("held in memory", 0), ("held in memory", 2), ("read from PNG files", 0), ("read from PNG files", 2),
    ]  # fmt: skip
    assert all(0 <= row["data_share"] <= 1 for row in rows)
    assert "`python -m gradcheck_lm.bench train --device cuda --reference FOLDER` measures the same there" in text
    assert "of its trainer.py" in text
    assert str(tmp_path) not in text + json.dumps(report)


def test_one_stage_alone_and_without_a_reference_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dtype_module, "prefers_bfloat16", lambda: False)

    def run(*only: str) -> str:
        path = run_train(
            tmp_path, reference=None, device="cpu", repeats=2, progress=lambda _: None, plan=PLAN, only=only
        )
        return path.read_text(encoding="utf-8")

    with pytest.raises(ArgumentError, match=r"train\.json has no stage 'flops' yet: measure it too"):
        run("reference")
    run(*STAGES)
    before = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))["stages"]
    text = run("reference")
    after = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))["stages"]
    # a processor without instructions for bfloat16: nothing is timed in it, and the page says so
    assert set(after["reference"]["rows"]) == {"ours"}
    assert set(after["options"]["gains"]) == {"feature maps in rows", "fused"}
    assert set(after["flops"]["peak_flops_per_second"]) == {"float32"}
    for name in ("ours, bf16", "bfloat16", "bf16"):
        assert f"Left out: {name} (no instructions for bfloat16 here: torch emulates them" in text
    assert "was not measured: no `--reference FOLDER` was given" in text
    assert text.count("| not measured |") == 1
    assert [name for name in STAGES if before[name] != after[name]] == ["reference"]
    with pytest.raises(ArgumentError, match="there is no stage 'speed': choose of reference, flops, options"):
        run("speed")


def test_a_gpu_that_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArgumentError, match="torch sees no GPU here: give --device cpu"):
        run_train(tmp_path, reference=None, device="cuda", repeats=2, progress=lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_smaller_plan_leaves_out_what_takes_long() -> None:
    small = reduced(Plan(torch.device("cpu"), 7))
    assert small.compile is False
    assert (small.recogniser.name, small.batch) == ("full", 16)


def test_the_page_in_docs_is_of_the_data_beside_it() -> None:
    results = Path(__file__).parents[2] / "docs" / "results"
    report = json.loads((results / "train.json").read_text(encoding="utf-8"))
    assert (results / "train.md").read_text(encoding="utf-8") == page(report)
    assert report["parameters"] == report["stages"]["reference"]["parameters"] == 7_363_168
    assert (report["batch"], report["height"], report["width"]) == (16, 128, 1024)


@pytest.mark.gpu
def test_on_a_gpu_the_benchmark_measures_the_gpu(tmp_path: Path) -> None:
    plan = reduced(Plan(torch.device("cuda"), 3))
    path = run_train(tmp_path, reference=None, device="cuda", repeats=3, progress=lambda _: None, plan=plan)
    report = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    flops = report["stages"]["flops"]
    assert "CPU" not in report["device"]
    assert set(flops["peak_flops_per_second"]) == {"float32", "bfloat16", "tf32"}
    assert 0 < flops["flops_per_second"] < max(flops["peak_flops_per_second"]["tf32"].values())
    assert "Not run" not in path.read_text(encoding="utf-8")
