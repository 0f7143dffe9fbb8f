"""Batches made ahead of their step: the same bits, errors where they belong, nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from child_processes import HANG
from tiny_runs import CHARSET, SMALLEST, WORDS, differences, tiny_data, tiny_trainer
from vanishing import Vanishing

from gradcheck_lm.errors import ArgumentError, RunError, RunStopped
from gradcheck_lm.htr.lines import read_labels_tsv, write_labels_tsv
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.lines.prefetch import Prefetch, workers_for
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled
from gradcheck_lm.lab.training.training_result import TrainingResult


def threads() -> list[str]:
    """The threads that make batches, of whatever run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, data: Any) -> Path:
    """A run that makes each batch when it is needed."""
    folder = tmp_path_factory.mktemp("plain")
    tiny_trainer(data, folder, prefetch=0).run()
    return folder


def files(folder: Path, **options: Any) -> LineData:
    """The lines of the tiny run as PNG files."""
    if not (folder / "labels.tsv").exists():
        write_labels_tsv(SyntheticLines(list(WORDS), TRAINING_HANDS, 12, 0), folder)
    return LineData(read_labels_tsv(folder), SMALLEST, CHARSET, **options)


# ---------------------------------------------------------------------- by itself


@pytest.mark.parametrize("ahead", [0, 1, 2, 9])
def test_each_step_gets_its_own_once_and_none_is_made_that_nobody_wants(ahead: int) -> None:
    made: list[int] = []

    def make(step: int) -> str:
        made.append(step)
        return f"batch {step}"

    with Prefetch(make, range(3, 8), ahead=ahead) as batches:
        assert [batches.take(step) for step in range(3, 8)] == [f"batch {step}" for step in range(3, 8)]
    assert made == [3, 4, 5, 6, 7]
    assert threads() == []


@pytest.mark.parametrize("ahead", [1, 3])
def test_the_next_ones_are_made_while_nobody_waits_and_no_more_than_asked(ahead: int) -> None:
    started = {step: threading.Event() for step in range(9)}
    names: set[str] = set()

    def make(step: int) -> int:
        names.add(threading.current_thread().name)
        started[step].set()
        return step

    with Prefetch(make, range(9), ahead=ahead) as batches:
        batches.take(0)
        assert all(started[step].wait(HANG) for step in range(1, 1 + ahead))
        assert not started[1 + ahead].wait(0.05)
        batches.take(1)
        assert started[1 + ahead].wait(HANG)
    assert len(names) == 1
    assert threading.current_thread().name not in names


def test_several_workers_make_several_at_once_and_each_step_still_gets_its_own() -> None:
    together = threading.Barrier(3)

    def make(step: int) -> int:
        together.wait(10)  # goes on only when three are in the making
        return step

    with Prefetch(make, range(6), ahead=1, workers=3) as batches:
        assert [batches.take(step) for step in range(6)] == list(range(6))
    assert threads() == []


@pytest.mark.parametrize(
    ("wanted", "device", "found"), [(None, "cpu", 1), (3, "cpu", 3), (None, "cuda", 2), (3, "cuda", 3)]
)
def test_a_gpu_that_learns_from_files_gets_several(
    wanted: int | None, device: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    place = torch.device(device)
    assert workers_for(files(tmp_path, kept=0), wanted, place) == found
    assert workers_for(files(tmp_path), wanted, place) == 1  # held in memory
    drawn = LineData(SyntheticLines(list(WORDS), TRAINING_HANDS, 12, 0), SMALLEST, CHARSET, kept=0)
    assert workers_for(drawn, wanted, place) == 1
    some, others = files(tmp_path, kept=0).part([0, 1]), tiny_data().part([0, 1])
    assert workers_for(PartlyLabelled(some, others), wanted, place) == found
    assert workers_for(PartlyLabelled(others, others), wanted, place) == 1
    assert workers_for(PartlyLabelled(some, drawn), wanted, place) == 1


def test_no_worker_at_all_is_refused() -> None:
    with pytest.raises(ArgumentError, match="workers is 0; it counts threads and must be at least 1"):
        TrainingConfig(workers=0)


def test_without_a_thread_the_caller_makes_them() -> None:
    with Prefetch(lambda step: threading.current_thread(), range(2), ahead=0) as batches:
        assert batches.take(0) is threading.current_thread()
        assert batches.waited >= 0


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_belongs_to_its_step(ahead: int) -> None:
    def make(step: int) -> int:
        if step == 2:
            raise FileNotFoundError("b.png")
        return step

    with Prefetch(make, range(4), ahead=ahead) as batches:
        assert (batches.take(0), batches.take(1)) == (0, 1)
        with pytest.raises(FileNotFoundError, match=r"b\.png"):
            batches.take(2)
    assert threads() == []


def test_leaving_waits_for_the_one_in_the_making_and_drops_the_rest() -> None:
    begun, go_on, made = threading.Event(), threading.Event(), []

    def make(step: int) -> int:
        if step:
            begun.set()
            assert go_on.wait(HANG)
        made.append(step)
        return step

    def leave() -> None:
        with Prefetch(make, range(9), ahead=5) as batches:
            batches.take(0)
            assert begun.wait(HANG)
            threading.Timer(0.05, go_on.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert made == [0, 1]
    assert threads() == []


# ---------------------------------------------------------------------- in a run


@pytest.mark.parametrize("ahead", [1, 2, 50])
def test_a_run_has_the_same_bits_with_and_without(ahead: int, tmp_path: Path, data: Any, plain: Path) -> None:
    result = tiny_trainer(data, tmp_path, prefetch=ahead).run()
    assert differences(plain, tmp_path) == []
    assert threads() == []
    assert all(0 <= record["data_wait"] <= record["seconds"] for record in result.records)


def test_it_is_on_by_default() -> None:
    assert TrainingConfig().prefetch > 0


def test_a_run_goes_on_with_another_number_to_the_same_bits(tmp_path: Path, data: Any, plain: Path) -> None:
    for until, ahead in ((2, 3), (5, 0), (None, 1)):
        tiny_trainer(data, tmp_path, prefetch=ahead).run(until=until)
    assert differences(plain, tmp_path) == []


def test_lines_that_are_read_each_time_have_the_same_bits_too(tmp_path: Path, plain: Path) -> None:
    from tiny_runs import CHARSET, SMALLEST, WORDS

    from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
    from gradcheck_lm.lab.lines.data import LineData

    streamed = LineData(SyntheticLines(list(WORDS), TRAINING_HANDS, 12, 0), SMALLEST, CHARSET, kept=0)
    tiny_trainer(streamed, tmp_path).run()
    assert differences(plain, tmp_path) == []


@pytest.mark.parametrize(("workers", "ahead"), [(1, 2), (4, 2), (3, 9), (4, 0)])
def test_several_workers_read_files_to_the_same_bits(workers: int, ahead: int, tmp_path: Path) -> None:
    tiny_trainer(files(tmp_path / "lines"), tmp_path / "kept", prefetch=0).run()
    before = warnings.filters[:]
    tiny_trainer(files(tmp_path / "lines", kept=0), tmp_path / "read", prefetch=ahead, workers=workers).run()
    assert differences(tmp_path / "kept", tmp_path / "read") == []
    assert warnings.filters == before
    assert threads() == []


def test_lines_that_cannot_be_read_stop_it_at_their_step_with_the_same_words(tmp_path: Path, data: Any) -> None:
    told = []
    for ahead in (0, 1, 4):
        folder = tmp_path / "run"
        with pytest.raises(RunError, match="step 6: the lines cannot be read: lines/a") as seen:
            tiny_trainer(Vanishing(data, 5), folder, checkpoint_every=0, prefetch=ahead).run()
        told.append(str(seen.value))
        assert "The last good state, after step 5, is kept" in told[-1]
        assert threads() == []
        folder.rename(tmp_path / f"was-{ahead}")
    assert len(set(told)) == 1


def test_no_thread_is_left_by_an_error_a_signal_or_an_early_end(tmp_path: Path, data: Any) -> None:
    trainer = tiny_trainer(data, tmp_path / "error")

    def fail(record: dict) -> None:
        assert threads()
        raise ZeroDivisionError

    trainer.on_step = fail
    with pytest.raises(ZeroDivisionError):
        trainer.run()
    assert threads() == []
    trainer = tiny_trainer(data, tmp_path / "signal")
    trainer.on_step = lambda record: os.kill(os.getpid(), signal.SIGTERM) if record["step"] == 3 else None
    with pytest.raises(RunStopped, match="after step 3 of 8"):
        trainer.run()
    assert threads() == []
    trainer = tiny_trainer(data, tmp_path / "early")
    trainer.stop = lambda records: "enough" if len(records) == 2 else None
    assert trainer.run().stopped == "enough"
    assert threads() == []


def test_making_batches_draws_no_random_numbers_of_the_run(data: Any) -> None:
    from gradcheck_lm.lab.lines.batches import BatchMaker

    before = torch.get_rng_state()
    BatchMaker(data, TrainingConfig(batch_size=4, augment=True))(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_result_knows_its_share_of_waiting() -> None:
    rows = [(9.0, 9.0), (2.0, 1.0), (4.0, 0.0), (2.0, 1.0)]
    records = [{"step": i + 1, "seconds": s, "data_wait": w} for i, (s, w) in enumerate(rows)]
    assert TrainingResult(records).data_share == pytest.approx(
        2 / 8
    )  # the first waits for nothing to be done meanwhile
    assert TrainingResult(records, resumed_from=2).data_share == pytest.approx(1 / 2)
    old = [{"step": 1, "seconds": 1.0}, {"step": 2, "seconds": 1.0}]
    assert TrainingResult(old).data_share == 0.0
    assert TrainingResult().data_share == 0.0


@pytest.mark.gpu
def test_on_a_gpu_a_run_reads_the_same_batches_with_and_without(data: Any) -> None:
    from gradcheck_lm.lab.lines.batches import BatchMaker

    make = BatchMaker(data, TrainingConfig(batch_size=4, augment=True), device="cuda")
    with Prefetch(make, range(6), ahead=2) as batches:
        for step in range(6):
            found, expected = batches.take(step), make(step)
            assert found.images.device.type == "cuda"
            assert torch.equal(found.images, expected.images)
            assert found.indices == expected.indices
