"""A comparison's arms as jobs of their own: the same bits as one after another, and each able to go on."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from child_processes import start_process
from compare_runs import compare
from tiny_runs import differences

from gradcheck_lm.errors import ArgumentError, RunError, RunStopped
from gradcheck_lm.lab.comparing import jobs as jobs_module
from gradcheck_lm.lab.comparing.job import Job, jobs_of
from gradcheck_lm.lab.comparing.jobs import ClusterTask, cores, run_jobs, submit_jobs
from gradcheck_lm.lab.config import ComparisonConfig

CONFIG = ComparisonConfig(
    language_model="char", arms=("policy_gradient",), steps=2, label_steps=2, batch_size=2, label_batch_size=2,
    adapt_lines=4, evaluation_lines=3, samples=2, device="cpu",
)  # fmt: skip
OPTIONS = ("--lm", "char", "--arms", "policy_gradient", "--steps", "2", "--batch-size", "2", "--adapt-lines", "4",
           "--evaluation-lines", "3", "--samples", "2")  # fmt: skip


def test_a_comparison_is_one_job_an_arm_and_experiment(tmp_path: Path) -> None:
    found = jobs_of(CONFIG, tmp_path)
    assert [(job.experiment, job.arm) for job in found] == [
        ("with_labels", "ctc"), ("with_labels", "ctc_again"), ("with_labels", "policy_gradient"),
        ("new_hand", "ctc"), ("new_hand", "policy_gradient"),
    ]  # fmt: skip
    assert Job.from_json(found[2].to_json()) == found[2]
    assert not any(job.done for job in found)


# ---------------------------------------------------------------------- the pool, with small programs for jobs


def programs(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
    """Each arm is a program of one line instead."""

    def start(job: Job, log: Path, environment: Any) -> subprocess.Popen[bytes]:
        with open(log, "wb") as stream:
            return subprocess.Popen(
                [sys.executable, "-S", "-c", texts[job.arm]], stdin=subprocess.PIPE, stdout=stream,
                stderr=subprocess.STDOUT, env=dict(environment), start_new_session=True,
            )  # fmt: skip

    monkeypatch.setattr(jobs_module, "_start", start)


def made(tmp_path: Path, *arms: str) -> list[Job]:
    return [Job(CONFIG, str(tmp_path / "out"), "new_hand", arm) for arm in arms]


def test_no_more_than_asked_run_at_a_time_and_each_has_its_share_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    program = (
        "import os, sys, time\n"
        f"def running(): return len([n for n in os.listdir({str(tmp_path)!r}) if n.isdigit()])\n"
        f"place = {str(tmp_path)!r} + '/' + str(os.getpid())\n"
        "open(place, 'w').close()\n"
        "print(running(), os.environ['OMP_NUM_THREADS'])\n"
    )
    # the first stays until there is a second one: had they to be quick to meet, a busy machine would keep them apart
    first = program + "while running() < 2: time.sleep(0.01)\nprint(running(), 0)\nos.unlink(place)"
    programs(monkeypatch, {"a": first, **dict.fromkeys("bcde", program + "time.sleep(0.3)\nos.unlink(place)")})
    said: list[str] = []
    run_jobs(made(tmp_path, *"abcde"), at_once=2, folder=tmp_path / "logs", progress=said.append)
    logs = ["".join((tmp_path / "logs" / f"out-new_hand-{arm}.log").read_text()).split() for arm in "abcde"]
    assert max(int(running) for log in logs for running in log[::2]) == 2
    assert {int(log[1]) for log in logs} == {max(1, cores() // 2)}
    assert said[0] == "0 of 5 jobs are done, 5 to run, 2 at a time"
    assert len(said) == 6


def test_one_that_fails_does_not_stop_the_others_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = "import sys; print('step 1'); print('the disk is full'); sys.exit(2)"
    programs(monkeypatch, {"a": bad, "b": f"open({str(tmp_path / 'b')!r}, 'w').close()"})
    with pytest.raises(RunError, match=r"1 of 2 jobs failed \(logs: .*\):\n  out-new_hand-a: the disk is full\n"):
        run_jobs(made(tmp_path, "a", "b"), at_once=1, folder=tmp_path / "logs", progress=lambda _: None)
    assert (tmp_path / "b").exists()


def test_a_signal_is_passed_on_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import signal, sys, time\n"
        "def leave(*_):\n    print('saved', flush=True); time.sleep(0.5); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\nsys.stdin.read()"
    )
    programs(monkeypatch, {"a": program, "b": "raise SystemExit('must not start')"})

    over = threading.Event()

    def ask() -> None:
        while not (tmp_path / "ready").exists():
            if over.wait(0.05):
                return
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        with pytest.raises(RunStopped, match="stopped by SIGTERM; the jobs saved their states") as seen:
            run_jobs(made(tmp_path, "a", "b"), at_once=1, folder=tmp_path / "logs", progress=lambda _: None)
    finally:
        over.set()
        thread.join()
    assert seen.value.signal_number == signal.SIGTERM
    # told once: a second signal ends a job at once, with its last steps lost
    assert (tmp_path / "logs" / "out-new_hand-a.log").read_text() == "saved\n"
    assert not (tmp_path / "logs" / "out-new_hand-b.log").exists()


def test_launchers_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    from gradcheck_lm.commands.lab.compare import launch

    with pytest.raises(ArgumentError, match="launcher is 'pbs'; choose slurm, local, debug"):
        submit_jobs([], cluster="pbs", at_once=1, folder=tmp_path, progress=lambda _: None)
    with pytest.raises(ArgumentError, match="'timeout'; give NAME=VALUE"):
        launch([], at_once=1, launcher="slurm", options=["timeout"], folder=tmp_path)
    with pytest.raises(ArgumentError, match="give --launcher slurm as well"):
        launch([], at_once=1, launcher="processes", options=["a=1"], folder=tmp_path)


# ---------------------------------------------------------------------- real arms


def arm_folders(out: Path) -> list[Path]:
    return sorted(path.parent.relative_to(out) for path in out.glob("checkpoints/*/*/state.safetensors"))


@pytest.mark.slow
def test_jobs_find_to_the_bit_what_one_process_finds(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    compare(one, *OPTIONS)
    compare(two, *OPTIONS, "--jobs", "2")
    assert len(arm_folders(one)) == 5
    assert arm_folders(one) == arm_folders(two)
    for folder in arm_folders(one):
        assert differences(one / folder, two / folder) == [], folder
    texts = [json.loads((out / "summary.json").read_text()) for out in (one, two)]
    for text in texts:
        for experiment in ("with_labels", "new_hand"):
            for figures in text[experiment]["arms"].values():
                del figures["seconds_per_step"], figures["peak_memory_mb"]
    assert texts[0] == texts[1]
    assert "step 2" in (two / "jobs" / "two-new_hand-policy_gradient.log").read_text()
    assert all(job.done for job in jobs_of(CONFIG, two))


@pytest.mark.slow
def test_a_job_whose_parent_dies_saves_and_leaves(tmp_path: Path) -> None:
    long = dataclasses.replace(CONFIG, steps=2000)
    job = Job(long, str(tmp_path), "new_hand", "ctc")
    pipes: dict[str, int] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start_process([sys.executable, "-m", "gradcheck_lm.lab.comparing.job"], **pipes) as process:
        process.stdin.write(job.to_json().encode() + b"\n")
        process.stdin.flush()
        seen = b""
        while b"step 3" not in seen:
            line = process.stdout.readline()
            assert line, seen.decode()
            seen += line
        process.stdin.close()
        rest = process.stdout.read().decode()
        assert process.wait() == 143, rest
    assert "stopped by SIGTERM after step" in rest
    assert (tmp_path / "checkpoints" / "new_hand" / "ctc" / "state.safetensors").exists()


@pytest.mark.slow
def test_submitits_local_executor_runs_jobs_and_tells_failures(tmp_path: Path) -> None:
    submitit = pytest.importorskip("submitit", reason="submitit is not installed: pip install 'gradcheck_lm[slurm]'")
    job = Job(CONFIG, str(tmp_path / "out"), "with_labels", "ctc")
    said: list[str] = []
    submit_jobs([job], cluster="local", at_once=1, folder=tmp_path / "tasks", options={"timeout_min": 9},
                progress=said.append)  # fmt: skip
    assert job.done
    assert said[-1].startswith("out-with_labels-ctc: done")
    submit_jobs([job], cluster="local", at_once=1, folder=tmp_path / "tasks", progress=said.append)
    assert said[-1] == "1 of 1 jobs are done, 0 to submit"
    broken = dataclasses.replace(job, config=dataclasses.replace(CONFIG, hand="nobody"))
    with pytest.raises(RunError, match=r"1 of 1 jobs failed"):
        submit_jobs([dataclasses.replace(broken, out=str(tmp_path / "b"))], cluster="local", at_once=1,
                    folder=tmp_path / "tasks", progress=said.append)  # fmt: skip
    again = ClusterTask(job).checkpoint()
    assert isinstance(again, submitit.helpers.DelayedSubmission)
    assert again.function.job == job.to_json()
