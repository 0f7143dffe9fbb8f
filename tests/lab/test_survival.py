"""Runs that survive: killed anywhere they end with the same bits; whatever goes wrong, the last good state is kept."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from child_processes import run_process, start_process
from safetensors.torch import load_file
from tiny_runs import differences, tiny_data, tiny_model, tiny_trainer
from vanishing import Vanishing

from gradcheck_lm import files
from gradcheck_lm.errors import RunError, RunStopped
from gradcheck_lm.lab.folder import metrics_file
from gradcheck_lm.lab.folder.folder_lock import HOLDER, locked
from gradcheck_lm.lab.folder.metrics_file import METRICS
from gradcheck_lm.lab.folder.run_folder import STATE
from gradcheck_lm.lab.folder.state import load_state, save_state
from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.machine.fault import find_fault
from gradcheck_lm.lab.training.terms import StepTerms

HERE = Path(__file__).parents[1] / "support"


class Killed(BaseException):
    """Stands for SIGKILL in one process: nothing catches it."""


@pytest.fixture(scope="module")
def data() -> Any:
    return tiny_data()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Any) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    tiny_trainer(data, folder).run()
    return folder


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


# ---------------------------------------------------------------------- disks, data, numbers


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


def good_state(folder: Path) -> None:
    assert all(
        torch.isfinite(tensor).all() for tensor in load_file(folder / STATE).values() if tensor.is_floating_point()
    )


def test_a_module_that_gives_nan_is_named_with_its_lines(tmp_path: Path, data: Any) -> None:
    trainer = tiny_trainer(data, tmp_path, augment=False)
    marked = data.batch(4, 4, seed=5).indices[2]

    def break_one_line(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        sums = inputs[0].sum((1, 2, 3))
        wrong = torch.isclose(sums, data.take([marked]).images.sum())
        return torch.where(wrong[:, None, None, None] & (trainer.folder.saved >= 4), torch.nan, output)

    name = next(name for name, module in trainer.bare.named_modules() if isinstance(module, torch.nn.Conv2d))
    trainer.bare.get_submodule(name).register_forward_hook(break_one_line)
    with pytest.raises(RunError, match="step 5: the loss cannot be computed") as seen:
        trainer.run()
    assert f"first bad: the output of {name} (Conv2d) holds NaN or infinity, for 1 of 4 lines" in str(seen.value)
    assert f"lines ({data.names[marked]})" in str(seen.value)
    assert "The last good state, after step 4, is kept" in str(seen.value)
    good_state(tmp_path)


def test_a_gradient_that_is_nan_never_gets_into_the_weights(tmp_path: Path, data: Any) -> None:
    for clip in (None, 1.0):
        trainer = tiny_trainer(data, tmp_path / str(clip), clip_norm=clip)
        plain = trainer.terms

        def terms(model: Any, batch: Batch, plain: Any = plain, trainer: Any = trainer) -> StepTerms:
            found = plain(model, batch)
            weight = trainer.bare.get_parameter("head.1.weight") if trainer.folder.saved >= 2 else torch.ones(1)
            # finite, and its slope at 0 is not
            return StepTerms({**found.terms, "root": (weight.sum() * 0).abs().sqrt()})

        trainer.terms = terms
        with pytest.raises(RunError, match=r"step 3: the gradient's norm is nan .*backward pass: head\.1\.weight"):
            trainer.run()
        good_state(tmp_path / str(clip))


def test_broken_weights_are_never_saved(tmp_path: Path, data: Any) -> None:
    trainer = tiny_trainer(data, tmp_path, steps=3)
    trainer.run(until=2)
    with torch.no_grad():
        next(trainer.bare.parameters()).view(-1)[0] = torch.inf
    assert trainer.folder is not None
    with pytest.raises(RunError, match=r"after step 3 the weight .* holds NaN or infinity: this state is not saved"):
        trainer.folder.save(3)
    good_state(tmp_path)


def test_where_the_fault_is() -> None:
    model = tiny_model().eval()
    images = torch.rand(3, 1, 32, 64)
    assert find_fault(model, images) is None
    bad = images.clone()
    bad[1, 0, 0, 0] = torch.nan
    found = find_fault(model, bad)
    assert found is not None
    assert (found.where, found.lines) == ("the pictures themselves hold NaN or infinity", (1,))
    lstm = next(module for module in model.modules() if isinstance(module, torch.nn.LSTM))
    hook = lstm.register_forward_hook(lambda m, i, o: (o[0].index_fill(1, torch.tensor([2]), torch.inf), o[1]))
    found = find_fault(model, images)
    hook.remove()
    assert found is not None
    assert "(LSTM) holds" in found.where
    assert found.lines == (2,)
    name, weight = next(iter(model.named_parameters()))
    with torch.no_grad():
        weight.view(-1)[0] = torch.nan
    found = find_fault(model, images)
    assert found is not None
    assert found.where == f"the weight {name} holds NaN or infinity"


# ---------------------------------------------------------------------- signals and locks


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
    with start_process(command, **pipes, text=True, cwd=HERE.parents[1]) as process:
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


def test_a_gradient_scalers_state_is_kept(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    scaler, other = torch.amp.GradScaler("cpu"), torch.amp.GradScaler("cpu")
    scaler.scale(model(torch.ones(1, 2)).sum() * torch.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    common: dict[str, Any] = {"model": model, "optimizer": optimizer, "generators": {}, "config": {}}
    save_state(tmp_path / STATE, step=1, scaler=scaler, **common)
    load_state(tmp_path / STATE, scaler=other, **common)
    assert other.state_dict() == scaler.state_dict()
    assert other.state_dict()["scale"] < torch.amp.GradScaler("cpu").state_dict()["scale"]
