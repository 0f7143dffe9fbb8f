"""What the tests start ends with them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from child_processes import alive, run_process, start_process
from forked_python import run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")

# tells its child's number, and both wait for ever
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(3600)"])
print(child.pid, flush=True)
child.wait()
"""


def gone(number: int) -> bool:
    """Soon: an orphan is waited for by another process, in its own time."""
    for _ in range(6000):
        if not alive(number) or Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_failing_test_leaves_no_process_and_no_child_of_one() -> None:
    def fail() -> None:
        with start_process([sys.executable, "-S", "-c", PARENT], stdout=subprocess.PIPE, text=True) as process:
            numbers.extend((process.pid, int(process.stdout.readline())))
            raise KeyError("the test's own")

    numbers: list[int] = []
    with pytest.raises(KeyError, match="the test's own"):
        fail()
    assert not alive(numbers[0])
    assert gone(numbers[1])


def test_what_never_ends_is_ended_and_said() -> None:
    with (
        pytest.raises(AssertionError, match=r"still running after 0\.2 s, and killed: .*sleep\(3600\)"),
        start_process([sys.executable, "-S", "-c", PARENT], seconds=0.2, stdout=subprocess.PIPE) as process,
    ):
        process.stdout.read()  # of both: their end of the pipe is closed
    assert not alive(process.pid)
    with pytest.raises(AssertionError, match=r"still running after 0\.2 s"):
        run_process([sys.executable, "-S", "-c", PARENT], capture_output=True, seconds=0.2)


def test_it_runs_as_subprocess_does() -> None:
    program = "import sys; print(sys.stdin.read().upper()); print('no', file=sys.stderr); sys.exit(3)"
    done = run_process([sys.executable, "-S", "-c", program], input="yes", capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "YES\n", "no\n")
    with pytest.raises(subprocess.CalledProcessError, match="exit status 3"):
        run_process([sys.executable, "-S", "-c", program], check=True, stdin=subprocess.DEVNULL, capture_output=True)


PROGRAM = """
import atexit, os, sys
atexit.register(print, "bye")
print(sys.argv, os.getcwd(), os.environ.get("GIVEN"), __name__, "gradcheck_lm" in sys.modules)
print("told", file=sys.stderr)
{end}
"""


@pytest.mark.parametrize(
    ("end", "code", "said", "last"),
    [
        ("", 0, "bye\n", "told"),
        ("sys.exit(3)", 3, "bye\n", "told"),
        ("sys.exit('no')", 1, "bye\n", "no"),
        ("{}['x']", 1, "bye\n", "KeyError: 'x'"),
        ("os.kill(os.getpid(), 15)", -15, "", "told"),
        ("import warnings; warnings.warn('so')", 1, "bye\n", "UserWarning: so"),
    ],
)
def test_a_forked_python_ends_as_a_real_one(end: str, code: int, said: str, last: str, tmp_path: Path) -> None:
    text = PROGRAM.replace("{end}", end)
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    for arguments in (("-c", text), ("program.py",), ("-m", "program")):
        done = run_python("-W", "error", *arguments, "one", cwd=tmp_path, env={**os.environ, "GIVEN": "here"})
        assert (done.returncode, done.stderr.splitlines()[-1]) == (code, last)
        first = "-c" if arguments[0] == "-c" else str(tmp_path / "program.py") if len(arguments) > 1 else "program.py"
        begun = f"{[first, 'one']} {tmp_path} here __main__ False\n"
        assert done.stdout == (begun + said if code >= 0 else ""), "what is not flushed is lost with the process"
