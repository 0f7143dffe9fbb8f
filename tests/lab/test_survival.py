"""Runs that survive: killed anywhere they end with the same bits; whatever disks do, the last good state is kept."""

from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from child_processes import run_process
from tiny_runs import differences, tiny_trainer
from vanishing import Vanishing

from gradcheck_lm import files
from gradcheck_lm.errors import RunError
from gradcheck_lm.lab.folder import metrics_file
from gradcheck_lm.lab.folder.folder_lock import HOLDER
from gradcheck_lm.lab.folder.metrics_file import METRICS

HERE = Path(__file__).parents[1] / "support"


class Killed(BaseException):
    """Stands for SIGKILL in one process: nothing catches it."""


class FailingOs:
    """The os module, one of whose calls fails: the n-th of `fdopen` (half-way in its write), `fsync` or `replace`."""

    def __init__(self, call: str, number: int, error: BaseException) -> None:
        self.call, self.left, self.error = call, number, error

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name != self.call:
            return found

        def counted(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left:
                return found(*arguments, **options)
            if name != "fdopen":
                raise self.error
            stream = found(*arguments, **options)
            write = stream.write

            class Half:
                def __enter__(half) -> Any:
                    return half

                def __exit__(half, *_: object) -> None:
                    stream.close()

                def write(half, content: bytes) -> None:
                    write(content[: len(content) // 2])
                    raise self.error

            return Half()

        return counted


@pytest.mark.parametrize("call", ["fdopen", "fsync", "replace"])
def test_killed_in_any_write_it_ends_with_the_same_bits(
    call: str, tmp_path: Path, data: Any, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # going on takes two writes (who holds the folder, the records made again) and gets one state further; the 4th fails
    deaths = 0
    for _ in range(12):
        monkeypatch.setattr(files, "os", FailingOs(call, 4, Killed()))
        try:
            tiny_trainer(data, tmp_path / "run").run()
            break
        except Killed:
            deaths += 1
    else:
        pytest.fail("it never came to its end")
    assert deaths >= 5
    assert differences(whole, tmp_path / "run") == []


def test_killed_in_the_middle_of_a_record_it_ends_with_the_same_bits(tmp_path: Path, data: Any, whole: Path) -> None:
    run = tmp_path / "run"
    for disturb in (random.random, np.random.rand, torch.seed):  # whatever was drawn in this process before
        disturb()
    tiny_trainer(data, run, checkpoint_every=3).run(until=3)
    with open(run / METRICS, "ab") as stream:  # steps 4 and 5 were done, no state was saved, and the line is cut
        stream.write(b'{"step": 4, "total": 1.0, "terms": {}}\n{"step": 5, "to')
    (run / ".state.safetensors.x.part").write_bytes(b"half")
    tiny_trainer(data, run, checkpoint_every=3).run()
    assert differences(whole, run) == []
    assert not list(run.glob(".*.part"))


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "killed_runs.py"), str(tmp_path), "0"]
    done = run_process(command, capture_output=True, text=True, seconds=540)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills" in done.stdout


def test_lost_records_are_said_and_do_not_stop_a_run(tmp_path: Path, data: Any) -> None:
    tiny_trainer(data, tmp_path, steps=3).run(until=2)
    (tmp_path / METRICS).unlink()
    with pytest.warns(UserWarning, match="holds 0 of the 2 steps done so far; the weights are not affected"):
        tiny_trainer(data, tmp_path, steps=3).run()


@pytest.mark.parametrize("call", ["fdopen", "fsync"])
def test_a_full_disk_keeps_the_last_state_and_says_so(
    call: str, tmp_path: Path, data: Any, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(files, "os", FailingOs(call, 4, full))
    with pytest.raises(
        RunError, match=r"step 3: its state could not be written to .*No space left on device.*"
    ) as seen:
        tiny_trainer(data, tmp_path).run()
    assert f"The last good state, after step 2, is kept in {tmp_path}; make room there" in str(seen.value)
    assert not list(tmp_path.glob(".*.part"))
    monkeypatch.undo()
    assert tiny_trainer(data, tmp_path).run().resumed_from == 2
    assert differences(whole, tmp_path) == []


def test_a_disk_too_full_to_say_who_holds_the_folder_lets_the_run_start(
    tmp_path: Path, data: Any, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / HOLDER).write_text('{"pid": 1, "host": "elsewhere", "since": "long ago"}', encoding="utf-8")
    monkeypatch.setattr(files, "os", FailingOs("fsync", 1, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    tiny_trainer(data, tmp_path).run()
    assert not (tmp_path / HOLDER).exists()
    assert differences(whole, tmp_path) == []


def test_a_disk_too_full_for_a_record_stops_the_run_too(
    tmp_path: Path, data: Any, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = metrics_file.MetricsFile.append

    def refuse(self: Any, record: dict[str, Any]) -> None:
        if record["step"] == 4:
            with self.path.open("ab") as stream:
                stream.write(b'{"step": 4')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        append(self, record)

    monkeypatch.setattr(metrics_file.MetricsFile, "append", refuse)
    with pytest.raises(RunError, match=r"step 4: its figures could not be written to .*metrics\.jsonl \(No space left"):
        tiny_trainer(data, tmp_path).run()
    monkeypatch.undo()
    tiny_trainer(data, tmp_path).run()
    assert differences(whole, tmp_path) == []


def test_a_vanished_folder_saves_what_was_done_and_says_so(tmp_path: Path, data: Any, whole: Path) -> None:
    with pytest.raises(RunError, match=r"step 6: the lines cannot be read: lines/a\.png is missing") as seen:
        tiny_trainer(Vanishing(data, 5), tmp_path, checkpoint_every=0).run()
    assert "The last good state, after step 5, is kept" in str(seen.value)
    assert tiny_trainer(data, tmp_path, checkpoint_every=0).run().resumed_from == 5
    assert differences(whole, tmp_path) == []
