"""Kill a run by SIGKILL at ten random moments and go on with it each time: run by test_lab_survival.py.

Usage: python killed_runs.py FOLDER SEED. Children are forked, so that torch is imported once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from tiny_runs import contents, differences, tiny_data, tiny_trainer

from gradcheck_lm import files

STEPS, KILLS = 40, 10


class DyingOs:
    """The os module, whose n-th write of a file stops half-way, together with the process."""

    def __init__(self, countdown: int) -> None:
        self.countdown = countdown

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdopen(self, handle: int, mode: str) -> Any:
        stream = os.fdopen(handle, mode)
        self.countdown -= 1
        if self.countdown:
            return stream

        class Half:
            def __enter__(self) -> Half:
                return self

            def __exit__(self, *_: object) -> None: ...

            def write(self, data: bytes) -> None:
                stream.write(data[: len(data) // 2])
                stream.flush()
                os.kill(os.getpid(), signal.SIGKILL)

        return Half()


def attempt(folder: Path, data: Any, *, after: float | None = None, write: int | None = None) -> bool:
    """One process that trains; killed `after` seconds or in its n-th write. Whether it came to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if write is not None:
                files.os = DyingOs(write)
            trainer = tiny_trainer(data, folder, steps=STEPS)
            os.write(writing, b"!")
            trainer.run()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the run itself failed"
    return True


def main(folder: Path, seed: int) -> None:
    torch.set_num_threads(1)
    data, chance = tiny_data(), random.Random(seed)
    began = time.perf_counter()
    assert attempt(folder / "whole", data)
    duration = time.perf_counter() - began
    kills = in_a_write = finished = 0
    while kills < KILLS:
        run = folder / f"run-{finished}"
        while True:
            if kills % 3 == 2 and kills < KILLS:
                done = attempt(run, data, write=chance.randint(1, 5))
                in_a_write += not done
            else:
                done = attempt(run, data, after=chance.uniform(0, duration / 8) if kills < KILLS else None)
            if done:
                break
            kills += 1
        finished += 1
        assert not differences(folder / "whole", run), differences(folder / "whole", run)
        assert not list(run.glob(".*.part")), "remains of a killed write"
    assert len(contents(folder / "whole")[2]) == STEPS
    assert in_a_write >= 2
    print(f"{kills} kills, {in_a_write} of them in a write; {finished} runs, each equal to the uninterrupted one")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
