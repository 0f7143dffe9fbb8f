"""Processes that tests start. They end with the test, whatever happens to it, and no test hangs on how long they take.

A limit in seconds is a last resort here against what never ends: many times as long as anything takes beside other
work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import Any

HANG = 300.0  # seconds


def run_process(command: Sequence[str], *, input: Any = None, check: bool = False, capture_output: bool = False,
                seconds: float = HANG, **options: Any) -> subprocess.CompletedProcess[Any]:  # fmt: skip
    """As subprocess.run. With the process whatever it started in turn ends too.

    Raises:
        AssertionError: it did not end within `seconds`.
    """
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with start_process(command, seconds=seconds, **options) as process:
        out, err = process.communicate(input)
        done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


@contextlib.contextmanager
def start_process(command: Sequence[str], *, seconds: float = HANG, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process and its children while the block runs; afterwards they are killed and waited for, and its pipes closed.

    After `seconds` they are killed in any case, so that who reads from it comes to an end.

    Raises:
        AssertionError: they had to be.
    """
    process = subprocess.Popen(command, start_new_session=True, **options)
    over = threading.Event()

    def give_up() -> None:
        over.set()
        kill(process)

    last_resort = threading.Timer(seconds, give_up)
    last_resort.daemon = True
    last_resort.start()
    try:
        yield process
    finally:
        last_resort.cancel()
        kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written yet has no reader
                    pipe.close()
    assert not over.is_set(), f"still running after {seconds:g} s, and killed: {process.args}"


def kill(process: subprocess.Popen[Any]) -> None:
    """At once, with its children; nothing if all have ended."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on macOS, where all are zombies
        os.killpg(process.pid, signal.SIGKILL)


def alive(number: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
