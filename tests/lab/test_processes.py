"""Two processes on a CPU (gloo) train as one does on the union of their lines."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from child_processes import run_process, start_process
from safetensors.torch import load_file
from tiny_runs import CASES, Vowels, case_data, case_trainer, differences

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.augment import augment
from gradcheck_lm.lab.machine.accelerators import make_accelerator
from gradcheck_lm.lab.machine.processes import agree, gathered, shared_language_model, striped, union_lines, union_texts

HERE = Path(__file__).parents[1] / "support"
# of float32: a line's logits have other last bits in a batch of three than in one of five
TOLERANCE = {"rtol": 2e-4, "atol": 2e-6}


def launch(tmp_path: Path, scenario: str) -> Path:
    script, folder = HERE / "two_processes.py", tmp_path / "out"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                start_process(
                    [sys.executable, str(script), str(rank), str(tmp_path / "meeting"), str(folder), scenario],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )
            )
            for rank in (0, 1)
        ]  # fmt: skip
        texts = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(texts)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launch(tmp_path_factory.mktemp("two"), "gradients")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_those_of_one_process_on_all_lines(case: str, two: Path) -> None:
    language_model = Vowels()
    trainer = case_trainer(case, case_data(case), language_model=language_model)
    record = trainer.run(until=1).records[0]
    mine = {name: p.grad for name, p in trainer.bare.named_parameters() if p.grad is not None}
    found = [json.loads((two / f"{case}-{rank}.json").read_text()) for rank in (0, 1)]
    for rank in (0, 1):
        theirs = load_file(two / f"{case}-{rank}.safetensors")
        torch.testing.assert_close(theirs, mine, **TOLERANCE)
        for name, row in record["terms"].items():
            other = found[rank]["record"]["terms"][name]
            assert other["value"] == pytest.approx(row["value"], rel=1e-5), name
            assert other["gradient_norm"] == pytest.approx(row["gradient_norm"], rel=1e-4), name
        assert found[rank]["record"]["penalty"] == pytest.approx(record["penalty"], rel=1e-5)
    assert record["penalty"] != 0
    assert max(gradient.abs().max() for gradient in mine.values()) > 1e-3, "nothing to compare"
    # the language model's work was dealt out, not done twice
    assert sum(one["asked"] for one in found) == language_model.asked
    if case != "story":  # which asks for one text at a time
        assert abs(found[0]["asked"] - found[1]["asked"]) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_after_some_steps_both_hold_the_same_bits(case: str, two: Path) -> None:
    first, second = (load_file(two / f"{case}-{rank}-weights.safetensors") for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.slow
def test_two_processes_go_on_to_the_same_bits(tmp_path: Path) -> None:
    folder = launch(tmp_path, "resumed")
    assert differences(folder / "whole", folder / "parts") == []


@pytest.mark.slow
def test_what_stops_one_process_stops_both_with_a_sentence(tmp_path: Path) -> None:
    folder = launch(tmp_path, "together")
    told = [json.loads((folder / f"told-{rank}.json").read_text()) for rank in (0, 1)]
    assert "is in use by process" in told[0]["held"]
    assert told[1]["held"].startswith("process 0: ")
    assert told[1]["held"].endswith(told[0]["held"])
    assert "step 3: the lines cannot be read: lines/b.png is missing" in told[1]["lost"]
    assert "The last good state, after step 2" in told[1]["lost"]
    assert told[0]["lost"] == "process 1: " + told[1]["lost"]
    assert told[0]["stopped"] == told[1]["stopped"]
    assert "stopped by SIGTERM after step 2 of 8" in told[0]["stopped"]
    assert "batch_size is 1 for 2 processes" in told[0]["small"]


# ---------------------------------------------------------------------- in one process


def test_dealing_and_gathering_are_inverse() -> None:
    whole = list(range(11))
    for world in (1, 2, 3, 5):
        shares = [whole[rank::world] for rank in range(world)]
        assert [shares[owner][slot] for owner, slot in striped([len(share) for share in shares])] == whole


def test_alone_nothing_is_changed() -> None:
    logits = torch.randn(3, 2, 4, requires_grad=True)
    assert union_lines(logits) is logits
    assert union_texts(["a", "b"]) == ["a", "b"]
    assert union_texts(None) is None
    assert gathered("x") == ["x"]
    language_model = Vowels()
    assert shared_language_model(language_model) is language_model
    agree(None)
    with pytest.raises(ArgumentError, match="no"):
        agree(ArgumentError("no"))


def test_a_share_of_a_batch_is_augmented_as_it_is_in_the_whole() -> None:
    images = torch.rand(5, 1, 16, 32)
    whole = augment(images, torch.Generator().manual_seed(0))
    for rank in (0, 1):
        part = augment(images[rank::2], torch.Generator().manual_seed(0), share=(rank, 2), total=5)
        torch.testing.assert_close(part, whole[rank::2])


@pytest.fixture
def fresh_accelerate() -> Any:
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_a_device_by_number_is_the_one_that_is_taken(fresh_accelerate: None, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    config = TrainingConfig()
    assert make_accelerator(config, device="cuda:1").device == torch.device("cuda:1")
    assert make_accelerator(config, device="cuda").device == torch.device("cuda:1")  # any will do: it stays
    assert make_accelerator(config, device="cuda:0").device == torch.device("cuda:0")
    assert chosen == [torch.device("cuda:1"), torch.device("cuda:0")]
    assert make_accelerator(config, device="cpu").device == torch.device("cpu")
    assert "ACCELERATE_TORCH_DEVICE" not in os.environ


def test_devices_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="device is 'gpu'; give cpu, cuda, cuda:1 or mps"):
        make_accelerator(TrainingConfig(), device="gpu")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ArgumentError, match=r"4 processes were launched, and each takes the GPU of its rank"):
        make_accelerator(TrainingConfig(), device="cuda:1")


@pytest.mark.slow
def test_accelerates_launcher_starts_two_processes_on_a_cpu(tmp_path: Path) -> None:
    command = ["--multi_gpu", "--num_processes", "2", "--main_process_port", "0", "-m", "gradcheck_lm", "train",
               "--device", "cpu", "--recogniser", "synthetic", "--lines", "8", "--steps", "1", "--batch-size", "4",
               "--validation-every", "0", "--out", str(tmp_path)]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
    done = run_process([*launcher, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert {"random.torch", "rank.1.random.torch"} <= load_file(tmp_path / "state.safetensors").keys()
    assert (tmp_path / "recogniser.safetensors").exists()
