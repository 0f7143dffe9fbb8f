"""Runs that are stopped by a signal, and folders that belong to one run at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from child_processes import start_process
from tiny_runs import differences, tiny_trainer

from gradcheck_lm.errors import RunError, RunStopped
from gradcheck_lm.lab.folder.folder_lock import HOLDER, locked
from gradcheck_lm.lab.folder.metrics_file import METRICS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_saves_and_leaves(number: int, tmp_path: Path, data: Any, whole: Path) -> None:
    before = signal.getsignal(number)
    trainer = tiny_trainer(data, tmp_path, checkpoint_every=0)
    trainer.on_step = lambda record: os.kill(os.getpid(), number) if record["step"] == 3 else None
    with pytest.raises(
        RunStopped, match=r"stopped by SIG(TERM|INT) after step 3 of 8; the state is in .*same command"
    ) as seen:
        trainer.run()
    assert seen.value.signal_number == number
    assert signal.getsignal(number) is before
    assert tiny_trainer(data, tmp_path, checkpoint_every=0).run().resumed_from == 3
    assert differences(whole, tmp_path) == []


def test_a_stopped_command_leaves_with_128_and_the_signal() -> None:
    import typer
    from click.exceptions import Exit

    from gradcheck_lm.commands.common import friendly

    @friendly
    def command() -> None:
        raise RunStopped("stopped by SIGTERM after step 3 of 8", signal.SIGTERM)

    with pytest.raises((Exit, typer.Exit)) as seen:
        command()
    assert seen.value.exit_code == 143


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    program = (
        "import sys\nfrom gradcheck_lm.lab.folder.folder_lock import locked\n"
        "with locked(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with start_process(command, **pipes, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def test_two_runs_in_one_folder_are_refused_and_a_dead_one_is_not_in_the_way(
    tmp_path: Path, data: Any, other_process: subprocess.Popen[str]
) -> None:
    with pytest.raises(RunError, match=rf"is in use by process {other_process.pid} on .* give another --out"):
        tiny_trainer(data, tmp_path, steps=1).run()
    assert not (tmp_path / METRICS).exists()
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    # its note is still there, and says nothing any more
    assert json.loads((tmp_path / HOLDER).read_text())["pid"] == other_process.pid
    assert len(tiny_trainer(data, tmp_path, steps=1).run().records) == 1


def test_two_trainers_of_one_process_are_refused_too(tmp_path: Path, data: Any) -> None:
    with locked(tmp_path), pytest.raises(RunError, match=rf"in use by process {os.getpid()} "):
        tiny_trainer(data, tmp_path).run()


def test_off_the_main_thread_a_run_leaves_signals_alone(tmp_path: Path, data: Any) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(tiny_trainer(data, tmp_path, steps=2).run()))
    thread.start()
    thread.join()
    assert len(found[0].records) == 2
