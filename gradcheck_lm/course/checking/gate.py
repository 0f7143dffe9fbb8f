"""A check in a process of its own, under a time limit: what a learner's file does cannot harm the course."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from gradcheck_lm.course.checking.judge import Verdict
from gradcheck_lm.course.language import Words

LIMIT = 60.0  # seconds; a check takes about three, most of them for importing torch
_KEPT = 2000  # characters of output that are shown

_TIME = Words(
    "{seconds:.0f} 秒たっても終わりませんでした。終わらないループがあるか、同じノードを何度もたどっていませんか。",
    "It did not end within {seconds:.0f} seconds. "
    "Is there an endless loop, or a walk that visits nodes again and again?",
)
_DIED = Words(
    "検査の途中で Python ごと終了しました(終了コード {code})。ファイルの中の `os._exit` や、深すぎる再帰が疑われます。",
    "Python itself ended during the check (exit code {code}). Suspect `os._exit` in the file, or a recursion too deep.",
)


def check_file(lesson_folder: Path, answer_file: Path, *, seconds: float = LIMIT) -> Verdict:
    """Hold a learner's file against a lesson's checks.

    Args:
        lesson_folder: with check.py.
        answer_file: the learner's file.
        seconds: > 0, the limit for all checks together.
    """
    with tempfile.TemporaryDirectory(prefix="gradcheck_lm-") as scratch:
        result, printed = Path(scratch, "verdict.json"), Path(scratch, "printed.txt")
        command = [sys.executable, "-m", "gradcheck_lm.course.checking.judge"]
        command += [str(path.resolve()) for path in (lesson_folder, answer_file)] + [str(result)]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": python_path()}
        with printed.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment,
                cwd=answer_file.parent, start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                kill(process)
                return _stopped("time", _TIME.filled(seconds=seconds))
            except BaseException:
                kill(process)
                raise
        output = printed.read_text(encoding="utf-8", errors="replace").strip()[-_KEPT:]
        if not result.is_file():
            return dataclasses.replace(_stopped("died", _DIED.filled(code=code)), output=output)
        return dataclasses.replace(Verdict.from_json(result.read_text(encoding="utf-8")), output=output)


def _stopped(kind: str, message: Words) -> Verdict:
    return Verdict(False, kind, "", Words("検査が最後まで走ること", "the checks run to their end"), message)


def python_path() -> str:
    """The package is found even where it is not installed, e.g. beside a checkout or from pip install --target."""
    root = str(Path(__file__).resolve().parents[3])
    before = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([root, before]) if before else root


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session of its own, and all that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
