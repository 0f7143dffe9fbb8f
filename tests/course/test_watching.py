"""`lessons watch`: it checks at each change, hears keys, and never goes on by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from child_processes import start_process
from course_folder import FIRST, environment, solve

from gradcheck_lm.course.checking.watching import watch_file

pytestmark = pytest.mark.usefixtures("judged_here")


def test_watch_checks_at_each_change_and_never_goes_on(course: Path) -> None:
    file = course / FIRST / "exercise.py"
    checks: list[str] = []
    steps = iter([None, "two", None, "remove", "three", None])

    def sleep(_: float) -> None:
        step = next(steps)
        if step == "remove":
            file.unlink()
        elif step is not None:
            file.write_text(step, encoding="utf-8")

    file.write_text("one!", encoding="utf-8")
    watch_file(file, lambda: checks.append(file.read_text(encoding="utf-8")), sleep=sleep, looks=6)
    assert checks == ["one!", "two", "three"]


def test_watching_ends_at_a_wanted_key(course: Path) -> None:
    typed = iter(["", "x", "hn"])
    assert (
        watch_file(course / FIRST / "exercise.py", list, sleep=lambda _: None, pressed=lambda: next(typed), wanted="nh")
        == "h"
    )


def test_a_key_that_does_something_leaves_the_watching_on(course: Path) -> None:
    file = course / FIRST / "exercise.py"
    checks: list[str] = []
    hints: list[str] = []
    keys_then_text = iter([("h", None), ("", "two"), ("hh", None), ("", "three"), ("q", None)])
    text: list[str | None] = [None]

    def pressed() -> str:
        typed, text[0] = next(keys_then_text)
        if text[0] is not None:
            file.write_text(text[0], encoding="utf-8")
        return typed

    file.write_text("one!", encoding="utf-8")
    key = watch_file(file, lambda: checks.append(file.read_text(encoding="utf-8")), sleep=lambda _: None,
                     pressed=pressed, does={"h": lambda: hints.append("a hint")}, wanted="nq")  # fmt: skip
    assert (key, checks, len(hints)) == ("q", ["one!", "two", "three"], 3)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_keys_are_read_without_enter_and_the_terminal_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import pty
    import termios

    from gradcheck_lm.course.checking.watching import keys

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", buffering=1) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(theirs)
        with keys() as pressed:
            assert pressed() == ""
            os.write(ours, b"N")
            assert pressed() == "n"
        assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)


# a shell starts what runs in its background with SIGINT ignored, so do its children, and Python then leaves it so: in a
# suite that runs there Ctrl-C would never come
AT_A_TERMINAL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("gradcheck_lm", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_watch_at_the_command_line(course: Path) -> None:
    import signal

    command = [sys.executable, "-u", "-c", AT_A_TERMINAL, "lessons", "watch", "--lang", "en"]
    settings = environment(GRADCHECK_LM_LESSONS=str(course), PYTHONIOENCODING="utf-8")
    with start_process(command, stdout=subprocess.PIPE, env=settings, text=True) as process:
        _wait_for(process.stdout, "Ctrl-C)")  # a long path breaks the line anywhere before it
        solve(course, FIRST)
        seen = _wait_for(process.stdout, "Ctrl-C)")
        assert "Passed" in seen
        waiting = "".join(seen.split()).rpartition("Waitingfor")[2]
        assert f"{FIRST}/exercise.py" in waiting, "still the same lesson"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def _wait_for(stream, mark: str) -> str:
    lines = []
    for line in stream:
        lines.append(line)
        if mark in line:
            break
    assert mark in lines[-1]
    return "".join(lines)
