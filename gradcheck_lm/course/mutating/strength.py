"""How strong a lesson's checks are: of the mutants generated for each hole, how many they reject, and which not."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcheck_lm.course.checking.judge import judge, load
from gradcheck_lm.course.folder.generator import holes_of
from gradcheck_lm.course.mutating import effects
from gradcheck_lm.course.mutating.operators import Generated, generate
from gradcheck_lm.errors import DataError
from gradcheck_lm.files import write_text_atomic

LIMIT = 20.0  # seconds of CPU for a mutant that may loop; a solution takes one or two


class _TooLong(BaseException):
    """A mutant that does not end is rejected: a learner's file is stopped too."""


@dataclass
class Strength:
    """What came of the mutants of one hole.

    Attributes:
        mutants: how many there are that change anything.
        rejected: of these, by a check.
        equal: of these, recorded in mutants.py as no different from the solution in what is asked.
        survivors: the others.
    """

    mutants: int = 0
    rejected: int = 0
    equal: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Rejected, of those that should be; 1 where nothing is left to reject."""
        wanted = self.mutants - self.equal
        return self.rejected / wanted if wanted else 1.0


def equal_mutants(lesson_folder: Path) -> dict[str, str]:
    """The table EQUAL of mutants.py: a generated mutant's name -> why it does what the solution does."""
    found = getattr(load(lesson_folder / "mutants.py"), "EQUAL", {})
    if not isinstance(found, dict):
        raise DataError(f"{lesson_folder / 'mutants.py'}: EQUAL must be a table from names to reasons")
    return found


def is_equal(name: str, equal: dict[str, str]) -> bool:
    """Recorded by its whole name, or by the beginning of it before a `*`."""
    return any(name.startswith(key[:-1]) if key.endswith("*") else name == key for key in equal)


def measure(lesson_folder: Path, *, every: int = 1, limit: float = LIMIT) -> dict[str, Strength]:
    """Hold every generated mutant of a lesson against its checks.

    Args:
        lesson_folder: with solution.py, check.py and mutants.py.
        every: take each n-th mutant only: a cheap sample.
        limit: > 0, seconds of CPU for one mutant.
    Returns:
        Hole -> Strength, in the order of the file.
    """
    equal = equal_mutants(lesson_folder)
    found = {hole.name: Strength() for hole in holes_of(lesson_folder)}  # a choice between letters has no mutants
    for mutant in generate(lesson_folder / "solution.py")[::every]:
        strength = found[mutant.hole]
        rejected = is_rejected(lesson_folder, mutant, limit=limit)
        if mutant.by_effect and not effects.applied():
            continue
        strength.mutants += 1
        if rejected:
            strength.rejected += 1
        elif is_equal(mutant.name, equal):
            strength.equal += 1
        else:
            strength.survivors.append(mutant.name)
    return found


def is_rejected(lesson_folder: Path, mutant: Generated, *, limit: float = LIMIT) -> bool:
    """Whether the checks refuse a mutant; what it prints is thrown away."""
    effects.begin_anew()
    with tempfile.TemporaryDirectory(prefix="gradcheck_lm-") as scratch:
        file = Path(scratch, "exercise.py")
        file.write_text(mutant.text, encoding="utf-8")
        quiet = io.StringIO()
        try:
            with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), _time_limit(limit):
                return not judge(lesson_folder, file).passed
        except _TooLong:
            return True


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def recorded(course: Path) -> dict[str, dict[str, dict[str, int]]]:
    """What was measured of the lessons of a course: lesson -> hole -> mutants, rejected, equal; empty if nothing."""
    path = course / "strength.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def record(course: Path, lesson: str, measured: dict[str, Strength]) -> None:
    """Write what was measured of a lesson into the course's strength.json."""
    rows = {
        hole: {"mutants": one.mutants, "rejected": one.rejected, "equal": one.equal} for hole, one in measured.items()
    }
    content = dict(sorted({**recorded(course), lesson: rows}.items()))  # the holes stay in the order of their file
    write_text_atomic(course / "strength.json", json.dumps(content, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m gradcheck_lm.course.mutating.strength [--record] FOLDER…`: print the strength of each hole.

    With --record it is also written into strength.json beside the lessons, for the pages.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for folder in (Path(one) for one in given if one != "--record"):
        began = time.perf_counter()
        measured = measure(folder)
        for hole, one in measured.items():
            row = {"lesson": folder.name, "hole": hole, "mutants": one.mutants, "rejected": one.rejected,
                   "equal": one.equal, "survivors": one.survivors}  # fmt: skip
            print(json.dumps(row, ensure_ascii=False), flush=True)
        if "--record" in given:
            record(folder.parent, folder.name, measured)
        print(f"{folder.name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
