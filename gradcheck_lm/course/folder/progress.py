"""What the learner has done so far: one small file, keyed by the lessons' names."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradcheck_lm import bounds
from gradcheck_lm.course.folder.catalogue import VARIABLE, installed_course
from gradcheck_lm.course.folder.generator import exercise_text
from gradcheck_lm.course.language import in_both
from gradcheck_lm.errors import DataError
from gradcheck_lm.files import user_state, write_bytes_atomic, write_text_atomic
from gradcheck_lm.foreign import parse_json, read_bytes

SCHEMA = 1
STATES = ("new", "read", "red", "passed")


class Progress:
    """Progress in one folder of lessons; read from disk at every question, so that two terminals agree.

    Args:
        course: the folder of lessons.
    """

    def __init__(self, course: Path) -> None:
        self.path = kept_in(course) / "progress.json"
        self._before = course / ".gradcheck_lm" / "progress.json"  # where earlier versions kept that of a source tree

    def state(self, name: str) -> str:
        """One of STATES: untouched, its lesson.py has run, its last check failed, or it has passed."""
        entry = self._read().get(name, {})
        if "passed" in entry:
            return "passed"
        return "red" if entry.get("checked") else "read" if entry.get("read") else "new"

    def hints_seen(self, name: str) -> int:
        """How many tiers of hints were shown."""
        return int(self._read().get(name, {}).get("hints", 0))

    def mark_read(self, name: str) -> None:
        """Its lesson.py has run to the end."""
        self._update(name, read=True)

    def mark_checked(self, name: str, *, passed: bool) -> None:
        """A check has been run; a lesson that has once passed stays passed until it is reset."""
        if self.state(name) != "passed":
            self._update(name, checked=True, **({"passed": _now()} if passed else {}))

    def mark_hints(self, name: str, tier: int) -> None:
        """Hints up to this tier, from 1, were shown."""
        self._update(name, hints=max(tier, self.hints_seen(name)))

    def mark_guess(self, name: str, letter: str, *, right: bool) -> None:
        """What the learner expected before the lesson showed it; the first guess counts."""
        if "guess" not in self._read().get(name, {}):
            self._update(name, guess=letter, guessed_right=right)

    def score(self) -> tuple[int, int]:
        """How many predictions were made, and how many of them were right."""
        made = [entry for entry in self._read().values() if "guess" in entry]
        return len(made), sum(bool(entry.get("guessed_right")) for entry in made)

    def mark_named(self, piece: str, *, right: bool) -> None:
        """A line of a piece of the museum was named, or it was called healthy."""
        before = self._read().get(piece, {})
        self._update(piece, tries=before.get("tries", 0) + 1, found=bool(right or before.get("found")))

    def named(self, piece: str) -> tuple[int, bool]:
        """How often an answer was given for a piece of the museum, and whether one of them was right."""
        entry = self._read().get(piece, {})
        return int(entry.get("tries", 0)), bool(entry.get("found"))

    def forget(self, name: str) -> None:
        """The lesson begins anew."""
        content = self._read()
        if content.pop(name, None) is not None:
            self._write(content)

    def _update(self, name: str, **facts: Any) -> None:
        content = self._read()
        before = content.get(name, {})
        if (entry := {**before, **facts}) != before:
            self._write({**content, name: entry})

    def _read(self) -> dict[str, dict[str, Any]]:
        path = self.path if self.path.exists() else self._before
        try:
            content = parse_json(read_bytes(path, bounds.TEXT))
            lessons = content["lessons"]
            if content["schema"] != SCHEMA or not all(isinstance(entry, dict) for entry in lessons.values()):
                raise ValueError(f"schema {content['schema']!r}")
            hints = [entry.get("hints", 0) for entry in lessons.values()]
            if not all(isinstance(seen, int) and not isinstance(seen, bool) for seen in hints):
                raise ValueError("hints are no numbers")
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise in_both(
                DataError,
                ja="{path} が壊れています({error})。削除すると、講座は最初からになります",
                en="{path} is damaged ({error}); delete it, and the course begins anew",
                path=path, error=error,
            ) from None  # fmt: skip
        return lessons

    def _write(self, lessons: dict[str, dict[str, Any]]) -> None:
        content = {"schema": SCHEMA, "lessons": lessons}
        write_text_atomic(self.path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def kept_in(course: Path) -> Path:
    """Where a learner's progress in a course lies, and the answers that `reset` took away.

    Beside the lessons in a folder of the learner's own, and in one that GRADCHECK_LM_LESSONS names. The lessons of a
    source tree, and those inside the installed package, are nobody's notebook: what belongs to them lies in the user's
    state, apart for each of these places.
    """
    here = course.resolve()
    beside = course / ".gradcheck_lm"
    chosen = os.environ.get(VARIABLE)
    if chosen and Path(chosen).expanduser().resolve() == here:
        return beside
    of_a_source_tree = here.name == "lessons" and (here.parent / "gradcheck_lm" / "course").is_dir()
    if not of_a_source_tree and here != installed_course().resolve():
        return beside
    mark = hashlib.sha256(str(here).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return user_state() / "lessons" / f"{here.parent.name}-{mark}"


def reset(lesson_folder: Path) -> Path | None:
    """Write the exercise anew from its source; what the learner had is kept.

    Returns:
        Where the learner's file was copied to; None where it was untouched or missing.
    """
    exercise, fresh = lesson_folder / "exercise.py", exercise_text(lesson_folder)
    kept = None
    if exercise.is_file():
        text = exercise.read_bytes()
        if text != fresh.encode("utf-8"):
            kept = _backup_place(lesson_folder)
            write_bytes_atomic(kept, text)
    write_text_atomic(exercise, fresh)
    return kept


def _backup_place(lesson_folder: Path) -> Path:
    folder = kept_in(lesson_folder.parent) / "backups" / lesson_folder.name
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    number = 0
    while True:
        place = folder / f"exercise-{stamp}{f'-{number}' if number else ''}.py"
        if not place.exists():
            return place
        number += 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
