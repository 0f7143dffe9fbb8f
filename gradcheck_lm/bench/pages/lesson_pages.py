"""The pages of docs/lessons: every lesson is run once and written down in both languages, with its pictures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.course.checking.judge import checks_of, title_of
from gradcheck_lm.course.folder.catalogue import Lesson, find_lesson, lessons_in
from gradcheck_lm.course.language import LANGUAGES
from gradcheck_lm.course.mutating.strength import recorded
from gradcheck_lm.course.publishing.notebooks import notebook_text
from gradcheck_lm.course.publishing.pages import Page, index_page
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic

COURSE = Path(__file__).resolve().parents[3] / "lessons"
_NAV = re.compile(r"^(?P<indent> *)# >>> lessons (?P<language>ja|en)\n.*?^ *# <<< lessons\n", re.DOTALL | re.MULTILINE)


def write_lesson_pages(
    out: str | Path,
    *,
    course: Path = COURSE,
    names: Sequence[str] = (),
    progress: Callable[[str], object] = lambda _: None,
) -> list[Path]:
    """Run every lesson and write LANGUAGE/NAME.md, LANGUAGE/index.md figures/NAME/*.svg and
    notebooks/LANGUAGE/NAME.ipynb into a folder.

    Args:
        out: docs/lessons.
        course: the folder of lessons.
        names: only these lessons, by name or number as `lessons` takes them; the indices are of all.
        progress: called with each lesson's name.
    Returns:
        The paths written.
    Raises:
        GradcheckLMError: there are no lessons, none of a name given, or one fails; the message holds what it printed.
    """
    lessons, out = lessons_in(course), Path(out)
    if not lessons:
        raise GradcheckLMError(f"{course} holds no lessons; run this in a checkout of the source.")
    wanted = {find_lesson(lessons, name).name for name in names}
    written = []
    for lesson, following in zip(lessons, [*lessons[1:], None], strict=True):
        if wanted and lesson.name not in wanted:
            continue
        progress(lesson.name)
        with tempfile.TemporaryDirectory() as place:
            page = run_page(lesson, Path(place), following)
            figures = out / "figures" / lesson.name
            shutil.rmtree(figures, ignore_errors=True)  # pictures that a lesson no longer draws
            for drawn in sorted(Path(place).glob("*.svg")):
                written.append(write_bytes_atomic(figures / drawn.name, drawn.read_bytes()))
        for language in LANGUAGES:
            written.append(write_text_atomic(out / language / f"{lesson.name}.md", page.markdown(language)))
            notebook = out / "notebooks" / language / f"{lesson.name}.ipynb"
            written.append(write_text_atomic(notebook, notebook_text(lesson, language)))
    for language in LANGUAGES:
        written.append(write_text_atomic(out / language / "index.md", index_page(lessons, language)))
    return written


def run_page(lesson: Lesson, place: Path, following: Lesson | None = None) -> Page:
    """Run a lesson; its pictures and its record end in `place`."""
    events = record_of(lesson, place)
    titles = [title_of(check) for check in checks_of(lesson.folder).values()]
    return Page(lesson, events, titles, following, recorded(lesson.course).get(lesson.name, {}))


def record_of(lesson: Lesson, place: Path) -> list[dict[str, Any]]:
    """What a lesson says and shows, from a run of its script as a learner runs it."""
    record = place / "record.json"
    command = [sys.executable, str(lesson.folder / "lesson.py"), "--lang", "en", "--no-input"]
    done = subprocess.run(
        [*command, "--record", str(record), "--out", str(place)], cwd=lesson.course.parent, text=True,
        encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode != 0:
        raise GradcheckLMError(f"{lesson.name} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    events: list[dict[str, Any]] = json.loads(record.read_text(encoding="utf-8"))
    return events


def navigation(text: str, lessons: Sequence[Lesson]) -> str:
    """The site's configuration with all lessons in its two lists, which are marked '# >>> lessons LANGUAGE'."""

    def entries(match: re.Match[str]) -> str:
        indent, language = match["indent"], match["language"]
        lines = [
            f'{indent}{{ "{lesson.number}. {lesson.title.in_language(language)}" = '
            f'"lessons/{language}/{lesson.name}.md" }},'
            for lesson in lessons
        ]
        return "\n".join([f"{indent}# >>> lessons {language}", *lines, f"{indent}# <<< lessons"]) + "\n"

    return _NAV.sub(entries, text)


def write_navigation(configuration: Path, *, course: Path = COURSE) -> Path:
    """Bring the lists of lessons in docs/zensical.toml up to date."""
    text = configuration.read_text(encoding="utf-8")
    return write_text_atomic(configuration, navigation(text, lessons_in(course)))
