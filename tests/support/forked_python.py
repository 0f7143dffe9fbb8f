"""`python ARGUMENTS` in a process of its own that does not begin with loading torch: it is forked from one that has.

Half of what a short program costs is torch's import, and the first optimizer imports as much again. The process that
is forked has loaded what others wrote and nothing of this package; it has run nothing. Interpreter's end, exit code,
output and signals of the program are its own. What is about the start of an interpreter, or about what it loads, needs
a real one: `child_processes.run_process`, which also serves where there is no fork.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from child_processes import HANG, run_process

_SERVER: list[subprocess.Popen[str]] = []

_SERVE = r"""
import contextlib, gc, importlib, io, json, os, signal, sys, types, warnings

for name in ("numpy", "torch", "torch._dynamo", "rich.console", "typer"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
gc.collect()
gc.freeze()  # a child's collections leave alone what lies here: memory stays shared


def serve():
    # the jobs of a line run side by side; the answer is how each ended
    for line in sys.stdin:
        children = []
        for job in json.loads(line):
            child = os.fork()
            if child == 0:
                return job
            children.append(child)
        ends = []
        for child in children:
            ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # what it started and left behind
        print(json.dumps(ends), flush=True)


def begin(job):
    # as an interpreter begins: the source, the module to run it in, and everything that both may look at
    os.setsid()
    signal.alarm(job["seconds"])
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    for target, (path, how) in enumerate(zip(job["files"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
        file = os.open(path, how | (os.O_CREAT | os.O_APPEND if target else 0))
        os.dup2(file, target)
        os.close(file)
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    sys.stdin = sys.__stdin__ = open(0, encoding=encoding, errors=errors or None, closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding=encoding, errors=errors or None, closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)
    arguments = list(job["arguments"])
    while arguments[0] == "-W":
        action, _, rest = arguments[1].partition(":")
        message, _, category = rest.partition(":")
        warnings.filterwarnings(action, message, getattr(__builtins__, category, Warning))
        del arguments[:2]
    main = types.ModuleType("__main__")
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    first, path = "", os.environ.get("PYTHONPATH", "")
    if arguments[0] == "-c":
        source, place, arguments = arguments[1], "<string>", ["-c", *arguments[2:]]
    elif arguments[0] == "-m":
        source, place = f"import runpy\nrunpy._run_module_as_main({arguments[1]!r})", "<module>"
        del arguments[0]
    else:
        place, first = arguments[0], os.path.dirname(os.path.abspath(arguments[0]))
        main.__file__ = place
        with io.open_code(os.path.abspath(place)) as file:
            source = file.read()
    sys.argv = arguments
    sys.path[:0] = [first or os.getcwd(), *filter(None, path.split(os.pathsep))]
    return compile(source, place, "exec"), main


job = serve()
if job is not None:
    code, main = begin(job)
    exec(code, main.__dict__)
"""


def run_python(
    *arguments: str, cwd: str | Path | None = None, env: Mapping[str, str] | None = None,
    encoding: str | None = "utf-8", stdout: Path | None = None, check: bool = False, seconds: float = HANG,
) -> subprocess.CompletedProcess[Any]:  # fmt: skip
    """`python ARGUMENTS`, its output caught.

    Args:
        arguments: as on a command line; of the interpreter's own options -W, -c and -m.
        encoding: of both outputs; None leaves bytes.
        stdout: a file that standard output is appended to instead.
        seconds: after so many it is killed: a last resort.
    Raises:
        CalledProcessError: with `check`, a code that is not 0.
    """
    (done,) = run_pythons([arguments], cwd=cwd, environments=[env], encoding=encoding, stdout=stdout, seconds=seconds)
    if check:
        done.check_returncode()
    return done


def run_pythons(
    commands: Sequence[Sequence[str]], *, cwd: str | Path | None = None,
    environments: Sequence[Mapping[str, str] | None], encoding: str | None = "utf-8", stdout: Path | None = None,
    seconds: float = HANG,
) -> list[subprocess.CompletedProcess[Any]]:  # fmt: skip
    """As `run_python`, of several commands side by side."""
    if not hasattr(os, "fork"):
        with ThreadPoolExecutor(len(commands)) as pool, contextlib.ExitStack() as stack:
            stream = subprocess.PIPE if stdout is None else stack.enter_context(stdout.open("ab"))

            def real(command: Sequence[str], env: Mapping[str, str] | None) -> subprocess.CompletedProcess[Any]:
                options = {"cwd": cwd, "env": env, "encoding": encoding, "stdout": stream, "stderr": subprocess.PIPE}
                return run_process([sys.executable, *command], seconds=seconds, **options)

            return list(pool.map(real, commands, environments))
    with tempfile.TemporaryDirectory() as folder:
        jobs, outputs = [], []
        for number, (command, env) in enumerate(zip(commands, environments, strict=True)):
            out, err = stdout or Path(folder, f"{number}.out"), Path(folder, f"{number}.err")
            outputs.append((None if stdout else out, err))
            jobs.append({
                "arguments": [str(one) for one in command], "cwd": str(cwd or Path.cwd()), "seconds": int(seconds),
                "env": dict(os.environ if env is None else env), "files": [os.devnull, str(out), str(err)],
            })  # fmt: skip
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(jobs) + "\n")
        server.stdin.flush()
        ends = json.loads(server.stdout.readline() or "null")
        assert ends is not None, "the process that is forked has ended"

        def read(path: Path | None) -> Any:
            content = b"" if path is None else path.read_bytes()
            return content if encoding is None else content.decode(encoding)

        return [
            subprocess.CompletedProcess([sys.executable, *command], end, read(out), read(err))
            for command, end, (out, err) in zip(commands, ends, outputs, strict=True)
        ]


def _server() -> subprocess.Popen[str]:
    if not _SERVER:
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONIOENCODING")}
        _SERVER.append(
            subprocess.Popen(
                [sys.executable, "-P", "-c", _SERVE], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        )  # fmt: skip
        atexit.register(_end)
    return _SERVER[0]


def _end() -> None:
    server = _SERVER.pop()
    for pipe in (server.stdin, server.stdout):
        assert pipe is not None
        pipe.close()
    server.wait()
