"""Laying the course out: a folder of one's own with all lessons and untouched exercises."""

from __future__ import annotations

from pathlib import Path

from gradcheck_lm.course.folder.catalogue import (
    LEARNERS,
    find_course,
    hidden_solution,
    installed_course,
    is_course,
    lessons_in,
    solution_of,
)
from gradcheck_lm.course.folder.generator import exercise_text
from gradcheck_lm.course.language import in_both
from gradcheck_lm.errors import DataError
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic


def source_course() -> Path:
    """The lessons to copy from: the installed wheel's, else those of the checkout.

    Raises:
        DataError: this installation carries none.
    """
    checkout = Path(__file__).resolve().parents[3] / "lessons"
    for place in (installed_course(), checkout):
        if is_course(place):
            return place
    return find_course()


def lay_out(target: Path) -> list[str]:
    """Write all lessons into a folder; what a learner has already edited there stays as it is.

    Args:
        target: made if need be; must be empty, or have been laid out before.
    Returns:
        Names of the lessons written anew or brought up to date.
    Raises:
        DataError: the folder holds something else, or is the course itself.
        OSError: it cannot be written.
    """
    source = source_course()
    if target.resolve() == source.resolve():
        raise in_both(
            DataError,
            ja="{target} は元の課そのもののフォルダです。my-lessons のような別のフォルダを指定してください",
            en="{target} is the course's own folder: give another one, e.g. my-lessons",
            target=target,
        )
    if target.exists() and not target.is_dir():
        raise in_both(
            DataError,
            ja="{target} はファイルです。フォルダを指定してください",
            en="{target} is a file: give a folder",
            target=target,
        )
    if target.is_dir() and any(target.iterdir()) and not is_course(target):
        raise in_both(
            DataError,
            ja="{target} は空ではなく、課もありません。{new} のような新しいフォルダを指定してください",
            en="{target} is not empty and holds no lessons: give a new folder, e.g. {new}",
            target=target, new=target / "lessons",
        )  # fmt: skip
    written = []
    for lesson in lessons_in(source):
        folder = target / lesson.name
        before = exercise_text(folder) if solution_of(folder).is_file() else None
        exercise, fresh = folder / "exercise.py", exercise_text(lesson.folder)
        changed = [_copy(lesson.folder / name, folder / name) for name in LEARNERS if name != "exercise.py"]
        shown = folder / "solution.py"  # of one that is solved, or laid out by an earlier version
        changed += [_copy(solution_of(lesson.folder), place) for place in (shown, hidden_solution(folder))
                    if place is not shown or shown.is_file()]  # fmt: skip
        untouched = not exercise.is_file() or exercise.read_text(encoding="utf-8") == before
        if untouched and (not exercise.is_file() or before != fresh):
            write_text_atomic(exercise, fresh)
            changed.append(True)
        if any(changed):
            written.append(lesson.name)
    for script in sorted((source / "museum").glob("m[0-9][0-9]_*.py")):  # without the answers
        _copy(script, target / "museum" / script.name)
    readme = source / "README.md"
    if readme.is_file():  # for the learner: what authors need stays behind, and here no `lessons/` stands before a path
        text = readme.read_text(encoding="utf-8").split("\n## For authors")[0]
        for here in ("python lessons/", "run lessons/"):
            text = text.replace(here, here.removesuffix("lessons/"))
        write_text_atomic(target / "README.md", text.rstrip() + "\n")
    return written


def _copy(source: Path, target: Path) -> bool:
    data = source.read_bytes()
    if target.is_file() and target.read_bytes() == data:
        return False
    write_bytes_atomic(target, data)
    return True


def reveal(folder: Path) -> Path | None:
    """Lay the solution of a solved exercise beside it, to compare; None where it lay there already."""
    shown = folder / "solution.py"
    if shown.is_file() or not hidden_solution(folder).is_file():
        return None
    _copy(hidden_solution(folder), shown)
    return shown
