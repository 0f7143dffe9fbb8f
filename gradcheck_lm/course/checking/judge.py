"""A lesson's checks against a learner's file, up to the first that fails; run in a process of its own by `gate`."""

from __future__ import annotations

import importlib.util
import itertools
import json
import linecache
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck_lm.course.checking.crashes import explain_crash, explain_unusable
from gradcheck_lm.course.folder.catalogue import COMMAND
from gradcheck_lm.course.language import Words, in_both
from gradcheck_lm.errors import DataError

_numbers = itertools.count()


@dataclass(frozen=True)
class Verdict:
    """What the checks say of a file.

    Attributes:
        passed: all checks hold.
        kind: "passed" | "wrong" (a check rejects it) | "crash" (the file's own code raised) | "time" | "died".
        check: the function in check.py that failed; "" where the file could not even be loaded.
        title: what that check asks, in both languages.
        message: what is wrong, and which mistake is likely.
        line, source: the place in the learner's file, where one is known; 0 and "".
        held, total: how many checks held before it, and how many there are.
        output: what the file printed.
    """

    passed: bool
    kind: str
    check: str
    title: Words
    message: Words
    line: int = 0
    source: str = ""
    held: int = 0
    total: int = 0
    output: str = ""

    def to_json(self) -> str:
        """The verdict as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """The verdict that `to_json` wrote."""
        content = json.loads(text)
        return cls(**{**content, "title": Words(**content["title"]), "message": Words(**content["message"])})


_NOTHING = Words("", "")
_LOADING = Words("ファイルを読み込めること", "the file can be loaded")


def judge(lesson_folder: Path, answer_file: Path) -> Verdict:
    """Hold a file against the checks of a lesson, in this process.

    Args:
        lesson_folder: with check.py.
        answer_file: the learner's file, usually exercise.py.
    Returns:
        Verdict of the first check that fails, or that all hold.
    Raises:
        DataError: the lesson has no checks, or they allow a change that there is no word for.
    """
    from gradcheck_lm.course.checking.guarding import (  # torch: not for a screen that shows a verdict
        Guarded,
        may_change_of,
    )

    checks = checks_of(lesson_folder)
    may_change = may_change_of(next(iter(checks.values())))
    with _fresh_state():
        try:
            answer = Guarded(load(answer_file), may_change)
        except BaseException as error:
            return _failure(error, answer_file, "", _LOADING, 0, len(checks))
    for held, (name, check) in enumerate(checks.items()):
        with _fresh_state():
            try:
                check(answer)
            except BaseException as error:
                return _failure(error, answer_file, name, title_of(check), held, len(checks), answer.last_call)
    return Verdict(True, "passed", "", _NOTHING, _NOTHING, held=len(checks), total=len(checks))


def checks_of(lesson_folder: Path) -> dict[str, Callable[[Any], None]]:
    """The check_* functions of a lesson, in the order in which check.py has them."""
    path = lesson_folder / "check.py"
    module = load(path)
    found = {
        name: value
        for name, value in vars(module).items()
        if name.startswith("check_") and callable(value) and value.__module__ == module.__name__
    }
    if not found:
        raise in_both(
            DataError,
            ja="{path} に check_ で始まる関数がありません。講座を新しく作ってください: {command} init DIR",
            en="{path} holds no function check_*; lay the course out anew: {command} init DIR",
            path=path, command=COMMAND,
        )  # fmt: skip
    return found


def title_of(check: Callable[[Any], None]) -> Words:
    """A check's docstring: the first line is English, the second Japanese."""
    lines = [line.strip() for line in (check.__doc__ or "").strip().splitlines() if line.strip()]
    if len(lines) != 2:
        raise DataError(f"{check.__name__} needs a docstring of two lines: English, then Japanese")
    return Words(ja=lines[1], en=lines[0])


def load(path: Path) -> ModuleType:
    """A file as a module that nobody else sees."""
    linecache.checkcache(str(path))
    name = f"gradcheck_lm_answer_{next(_numbers)}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise in_both(
            DataError, ja="{path} は Python のファイルではありません", en="{path} is no Python file", path=path
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    dont_write, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # within a second an edit keeps its time stamp
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = dont_write
        sys.modules.pop(name, None)
    return module


@contextmanager
def _fresh_state() -> Iterator[None]:
    """The same random numbers for every check, and nothing that an answer switched stays switched."""
    import torch

    python, recursion, dtype = random.getstate(), sys.getrecursionlimit(), torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        random.seed(0)
        torch.random.default_generator.manual_seed(0)
        try:
            yield
        finally:
            random.setstate(python)
            sys.setrecursionlimit(recursion)
            torch.set_default_dtype(dtype)


def _failure(
    error: BaseException, file: Path, check: str, title: Words, held: int, total: int,
    last_call: tuple[str, Any] = ("", None),
) -> Verdict:  # fmt: skip
    if isinstance(error, KeyboardInterrupt):
        raise error
    words = getattr(error, "words", None)
    line = _own_line(error, file)
    source = linecache.getline(str(file), line).strip() if line else ""
    if isinstance(words, Words):
        return Verdict(False, "wrong", check, title, words, held=held, total=total)
    own = line > 0 or not check  # else it is the check that stopped, at what it was given
    message = explain_crash(error) if own else explain_unusable(error, *last_call)
    return Verdict(False, "crash", check, title, message, line, source, held, total)


def _own_line(error: BaseException, file: Path) -> int:
    """The last line of the learner's file that the error came through; 0 where it came through none."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == str(file)), 0)


def main() -> None:
    """`python -m gradcheck_lm.course.checking.judge LESSON_FOLDER FILE RESULT`: the verdict as JSON into RESULT."""
    lesson_folder, answer_file, result = (Path(argument) for argument in sys.argv[1:4])
    verdict = judge(lesson_folder, answer_file)
    result.write_text(verdict.to_json(), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads or exit handlers of the answer must not hold the verdict back


if __name__ == "__main__":
    main()
