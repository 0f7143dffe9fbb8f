"""Many jobs at once: processes on this machine, or tasks of a cluster. Each, run again, goes on where it was."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, MissingPackageError, RunError, RunStopped
from gradcheck_lm.extras import install_line
from gradcheck_lm.lab.comparing.job import Job
from gradcheck_lm.lab.folder.stop_signals import StopSignals, name_of

CLUSTERS = ("slurm", "local", "debug")


def run_jobs(jobs: Sequence[Job], *, at_once: int, folder: str | Path, progress: Callable[[str], None]) -> None:
    """Run jobs in processes of their own, `at_once` at a time; those that are done are not started again.

    Each process gets its share of the processor's cores (all that OMP_NUM_THREADS says, where that is set), and of
    several GPUs one in turn. One that fails does not stop the others.

    Args:
        folder: for a log of each job.
    Raises:
        RunError: jobs failed; the text has the last line of each one's log.
        RunStopped: SIGTERM or Ctrl-C: the jobs were told, saved their state and left.
    """
    waiting = [job for job in jobs if not job.done]
    progress(f"{len(jobs) - len(waiting)} of {len(jobs)} jobs are done, {len(waiting)} to run, {at_once} at a time")
    logs = Path(folder)
    logs.mkdir(parents=True, exist_ok=True)
    running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    failed: list[str] = []
    told = False
    with StopSignals() as signals:
        try:
            while (waiting and not signals.number) or running:
                while waiting and len(running) < at_once and not signals.number:
                    slot = min(set(range(at_once)) - {used for _, used in running.values()})
                    job = waiting.pop(0)
                    running[job.name] = _start(job, logs / f"{job.name}.log", _environment(at_once, slot)), slot
                if signals.number and not told:  # once: a second one would end a job in the middle of its step
                    told = True
                    for process, _ in running.values():
                        process.terminate()
                for name in [name for name, (process, _) in running.items() if process.poll() is not None]:
                    code = _finish(running.pop(name)[0])
                    progress(f"{name}: {'done' if code == 0 else f'ended with exit code {code}'}")
                    if code:
                        failed.append(f"{name}: {last_line(logs / f'{name}.log')}")
                time.sleep(0.1)
        finally:
            for process, _ in running.values():
                process.kill()
                _finish(process)
    if signals.number:
        raise RunStopped(
            f"stopped by {name_of(signals.number)}; the jobs saved their states: give the same command to go on",
            signals.number,
        )
    if failed:
        raise RunError(
            f"{len(failed)} of {len(jobs)} jobs failed (logs: {logs}):\n  " + "\n  ".join(failed) + "\n"
            "The others are done; mend this and give the same command"
        )


def _start(job: Job, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "gradcheck_lm.lab.comparing.job"],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C reaches us alone, and we tell them
        )
    assert process.stdin is not None
    process.stdin.write(job.to_json().encode() + b"\n")
    process.stdin.flush()  # and stays open: its end tells the job that we are gone
    return process


def _finish(process: subprocess.Popen[bytes]) -> int:
    assert process.stdin is not None
    process.stdin.close()
    return process.wait()


def _environment(at_once: int, slot: int) -> dict[str, str]:
    environment = dict(os.environ)
    # processes that each take all cores are slower together than one after another
    environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // at_once)))
    gpus = torch.cuda.device_count()
    if gpus > 1 and "CUDA_VISIBLE_DEVICES" not in environment:
        environment["CUDA_VISIBLE_DEVICES"] = str(slot % gpus)
    return environment


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def last_line(log: Path) -> str:
    """What a job said last."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


class ClusterTask:
    """A job as submitit wants it: callable, and able to be put into the queue again when its time is up."""

    def __init__(self, job: Job) -> None:
        self.job = job.to_json()

    def __call__(self) -> str:
        job = Job.from_json(self.job)
        job.run()
        return job.name

    def checkpoint(self) -> Any:
        """Called by submitit before a time limit or a preemption: the state on disk is enough to go on from."""
        import submitit

        return submitit.helpers.DelayedSubmission(ClusterTask(Job.from_json(self.job)))


def submit_jobs(
    jobs: Sequence[Job],
    *,
    cluster: str,
    at_once: int,
    folder: str | Path,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[str], None],
) -> None:
    """Run jobs through submitit, and wait for them; those that are done are not submitted again.

    Args:
        cluster: "slurm"; "local" runs them as processes here, to try it out.
        at_once: most of them at a time (SLURM's array parallelism).
        folder: where submitit keeps its logs and pickles; the cluster's nodes must see it.
        options: submitit's own, such as {"timeout_min": 240, "slurm_partition": "gpu", "gpus_per_node": 1}.
    Raises:
        MissingPackageError: submitit is not installed.
        ArgumentError: an unknown cluster or option.
        RunError: jobs failed.
    """
    if cluster not in CLUSTERS:
        raise ArgumentError(f"launcher is {cluster!r}; choose {', '.join(CLUSTERS)}")
    try:
        import submitit
    except ImportError as error:
        raise MissingPackageError(f"a cluster needs submitit; type: {install_line('slurm')}") from error
    waiting = [job for job in jobs if not job.done]
    progress(f"{len(jobs) - len(waiting)} of {len(jobs)} jobs are done, {len(waiting)} to submit")
    executor = submitit.AutoExecutor(folder=str(folder), cluster=cluster)
    try:
        executor.update_parameters(name="gradcheck_lm", **(options or {}))
        if cluster == "slurm":
            executor.update_parameters(slurm_array_parallelism=at_once)
    except (NameError, TypeError, ValueError) as error:
        raise ArgumentError(f"submitit refuses these options: {error}") from error
    failed: list[str] = []
    # SLURM limits an array by itself; elsewhere no more than this are submitted at a time
    step = len(waiting) if cluster == "slurm" else at_once
    for begin in range(0, len(waiting), max(1, step)):
        batch = waiting[begin : begin + step]
        with executor.batch():
            tasks = [executor.submit(ClusterTask(job)) for job in batch]
        for job, task in zip(batch, tasks, strict=True):
            problem = task.exception()
            progress(f"{job.name}: {'done' if problem is None else 'failed'} (task {task.job_id})")
            if problem is not None:
                failed.append(f"{job.name}: {str(problem).strip().splitlines()[-1]}")
    if failed:
        raise RunError(f"{len(failed)} of {len(jobs)} jobs failed (logs: {folder}):\n  " + "\n  ".join(failed))
