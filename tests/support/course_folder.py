"""Where the tests find the course, and a copy of it to be spoilt."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[2] / "lessons"
FOLDERS = sorted(path.parent for path in LESSONS.glob("*/lesson.py"))
NAMES = [folder.name for folder in FOLDERS]
FIRST, SECOND = NAMES[:2]


def copy_course(target: Path, *names: str) -> Path:
    """A course with all lessons, or with those named, as generated."""
    from gradcheck_lm.course.folder.generator import exercise_text

    for folder in FOLDERS:
        if not names or folder.name in names:
            shutil.copytree(folder, target / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
            (target / folder.name / "exercise.py").write_text(exercise_text(folder), encoding="utf-8")
    return target


def environment(**changes: str) -> dict[str, str]:
    """This process's, without what would choose a language or colours for it."""
    drop = {
        "GRADCHECK_LM_LANG",
        "GRADCHECK_LM_LESSONS",
        "PYTHONIOENCODING",
        "FORCE_COLOR",
        "NO_COLOR",
        "COLUMNS",
        "TERM",
    }
    return {**{name: value for name, value in os.environ.items() if name not in drop}, **changes}


def solve(course: Path, name: str) -> None:
    """At one moment: whoever looks sees the old file or the new one, and no half of it."""
    from gradcheck_lm.course.folder.catalogue import solution_of

    whole = course / name / "exercise.py.new"
    whole.write_bytes(solution_of(course / name).read_bytes())
    whole.replace(course / name / "exercise.py")
