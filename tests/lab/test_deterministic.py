"""The deterministic mode: what it sets, that everything is put back, and what is said of equality to the bit."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import differences, tiny_data, tiny_trainer

from gradcheck_lm.bench.study.running.work import _do
from gradcheck_lm.errors import RunError
from gradcheck_lm.lab.comparing import compare as compare_module
from gradcheck_lm.lab.comparing import job as job_module
from gradcheck_lm.lab.comparing.job import Job
from gradcheck_lm.lab.comparing.same_bits import same_bits
from gradcheck_lm.lab.config import ComparisonConfig, TrainingConfig
from gradcheck_lm.lab.machine.accelerators import make_accelerator
from gradcheck_lm.lab.machine.deterministic import WORKSPACE, deterministic
from gradcheck_lm.lab.training import train as train_module

ON = (True, False, True, False, False, ":4096:8")


def flags() -> tuple[Any, ...]:
    """Everything of torch that the mode changes."""
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.utils.deterministic.fill_uninitialized_memory,
        os.environ.get(WORKSPACE),
    )


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """Flags that are none of the mode's, put back after the test."""
    monkeypatch.delenv(WORKSPACE, raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    return flags()


def test_inside_every_flag_is_set_and_after_it_all_are_as_before(away: tuple[Any, ...]) -> None:
    with deterministic():
        assert flags() == ON
        with deterministic(False):
            assert flags() == ON
        with deterministic():
            assert flags() == ON
        assert flags() == ON
    assert flags() == away
    with pytest.raises(KeyError), deterministic():
        raise KeyError
    assert flags() == away
    with deterministic(False):
        assert flags() == away


def test_what_the_user_had_set_is_put_back(away: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKSPACE, ":16:8")  # the other setting that cuBLAS takes
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        before = flags()
        with deterministic():
            assert flags() == (*ON[:-1], ":16:8")
        assert flags() == before
    finally:
        torch.use_deterministic_algorithms(False)


def test_an_operation_without_such_an_algorithm_is_named_with_the_cure(away: tuple[Any, ...]) -> None:
    torches = (
        "put_ does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True)'"
    )
    told = r"^put_ cannot be computed in one order on this device.*--no-deterministic"
    with pytest.raises(RunError, match=told), deterministic():
        torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))
    with pytest.raises(RuntimeError, match=r"^other"), deterministic():
        raise RuntimeError(f"other: {torches}")
    assert flags() == away


def test_a_run_has_the_mode_where_it_is_asked_for_and_leaves_nothing(away: tuple[Any, ...], tmp_path: Path) -> None:
    data, seen = tiny_data(), []
    for wanted in (True, False):
        trainer = tiny_trainer(data, tmp_path / str(wanted), steps=3, deterministic=wanted)
        trainer.on_step = lambda _: seen.append(flags())
        trainer.run()
        assert flags() == away
    assert seen == [ON] * 3 + [away] * 3
    # on a processor the mode changes no bit, and a run may go on with it or without
    assert differences(tmp_path / "True", tmp_path / "False") == []


@pytest.mark.parametrize(("device", "told"), [("cpu", False), ("cuda", True)])
def test_on_a_gpu_the_mode_belongs_to_the_state(device: str, told: bool) -> None:
    trainer = tiny_trainer(tiny_data(), None, deterministic=True)
    trainer.accelerator = type("Stub", (), {"device": torch.device(device)})()
    assert trainer._identity().get("deterministic", False) is told
    trainer.config = replace(trainer.config, deterministic=False)
    assert "deterministic" not in trainer._identity()


class Named:
    """A run of a study."""

    key = "one"


def seen_in(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, work: Callable[[], Any]) -> tuple[Any, ...]:
    """The flags at the moment when a function is reached, which then fails."""
    found: list[tuple[Any, ...]] = []

    def reached(*_: Any, **__: Any) -> Any:
        found.append(flags())
        raise KeyError(name)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, reached)
        with pytest.raises(KeyError):
            work()
    return found[0]


def test_compare_its_jobs_and_the_studies_have_it_by_default_and_train_has_it_not(
    away: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, quiet = train_module.TrainSettings(), lambda _: None

    def compared(**changes: Any) -> tuple[Any, ...]:
        config = ComparisonConfig(language_model="char", device="cpu", **changes)
        return seen_in(
            monkeypatch, compare_module, "make_bench",
            lambda: compare_module.compare(config, tmp_path / "out", progress=quiet, step=lambda *_: None),
        )  # fmt: skip

    def trained(**changes: Any) -> tuple[Any, ...]:
        return seen_in(
            monkeypatch, train_module, "load_recogniser",
            lambda: train_module.train(settings, TrainingConfig(**changes), tmp_path / "train", progress=quiet),
        )  # fmt: skip

    job = Job(ComparisonConfig(), str(tmp_path), "with_labels", "ctc")

    def studied() -> tuple[Any, ...]:
        found: list[tuple[Any, ...]] = []
        _do((Named(), str(tmp_path / "record.json"), lambda _: found.append(flags()) or {}))
        return found[0]

    assert compared() == ON
    assert compared(deterministic=False) == away
    assert seen_in(monkeypatch, job_module, "make_bench", job.run) == ON
    assert studied() == ON
    assert trained() == away
    assert trained(deterministic=True) == ON
    assert flags() == away
    assert make_accelerator(TrainingConfig()).device.type == "cpu" or torch.cuda.is_available()


# ---------------------------------------------------------------------- what is said


def arms(again: bool, argmax: bool | None) -> dict[str, dict[str, Any]]:
    found = {"ctc_again": {"identical_to_ctc_only": again, "difference_to_ctc_only": 0.0 if again else 3.2e-6}}
    return found if argmax is None else {**found, "argmax": {"identical_to_ctc_only": argmax}}


@pytest.mark.parametrize(
    ("again", "argmax", "end", "end_ja"),
    [
        (True, True, "the penalty changed nothing.", "何も変えていません。"),
        (True, False, "something of that arm moved the weights.", "重みを動かしました。"),
        (True, None, "to the bit (ctc_again).", "(ctc_again)。"),
        (False, None, "computed on another one.", "計算されました)。"),
    ],
)
def test_the_words_follow_from_both_figures(again: bool, argmax: bool | None, end: str, end_ja: str) -> None:
    found = same_bits(arms(again, argmax))
    assert (found["ctc_again"], found["argmax"]) == (again, argmax)
    assert found["words"].endswith(end)
    assert found["words_ja"].endswith(end_ja)


@pytest.mark.parametrize(("argmax", "word"), [(True, "are equal to"), (False, "are not equal to")])
def test_where_ctc_differs_from_itself_argmax_proves_nothing(argmax: bool, word: str) -> None:
    found = same_bits(arms(False, argmax))
    assert "largest difference 3.2e-06" in found["words"]
    assert f"That the weights of argmax {word} those of CTC therefore proves nothing here" in found["words"]
    assert "何の証明にもなりません" in found["words_ja"]
