"""What the notebooks of the lessons call: the stage of a lesson, shown in a notebook's cells."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.course import stage
from gradcheck_lm.course.checking.gate import check_file
from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.course.folder.shelf import source_course
from gradcheck_lm.course.say import voice
from gradcheck_lm.course.screen.board import show_hint, show_verdict
from gradcheck_lm.course.stage import code as code
from gradcheck_lm.course.stage import holds as holds
from gradcheck_lm.course.stage import show as show
from gradcheck_lm.course.stage import table as table
from gradcheck_lm.course.stage import told as told
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.files import write_text_atomic


def start(name: str, language: str) -> str:
    """Begin a lesson in a notebook: its language, its random numbers, a folder of this moment for its pictures.

    Args:
        name: of the lesson's folder.
        language: "ja" or "en".
    Returns:
        Where its script lies: what `__file__` is there.
    """
    folder = tempfile.mkdtemp(prefix="gradcheck_lm-")
    script = str(source_course() / name / "lesson.py")
    stage.begin(script, ["--lang", language, "--no-input", "--out", folder])
    _register()
    return script


def _register() -> None:
    """`%%exercise` above a cell checks what is in it, where cells can have that."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if (shell := get_ipython()) is not None:
        shell.register_magic_function(exercise, "cell", "exercise")


def exercise(_: str, cell: str) -> None:
    """Hold a cell against the checks of the lesson that was begun, in a process of its own.

    Args:
        cell: what the learner wrote.
    """
    lesson, spoken = stage.lesson(), voice()
    with tempfile.TemporaryDirectory(prefix="gradcheck_lm-") as folder:
        file = Path(folder, "exercise.py")
        write_text_atomic(file, f"#\n{cell}")  # its lines have the cell's numbers, of which %%exercise is 1
        verdict = check_file(lesson.folder, file)
    with contextlib.suppress(OSError, GradcheckLMError):  # an installed course may lie where nothing can be written
        Progress(lesson.course).mark_checked(lesson.name, passed=verdict.passed)
    show_verdict(spoken, lesson, verdict, cell=cell)


def hint(tier: int) -> None:
    """Show a hint of the lesson that was begun.

    Args:
        tier: 1 to 3, from the faintest to the strongest.
    """
    show_hint(voice(), stage.lesson(), tier, where="cell")


def tell(text: str, /, **values: object) -> None:
    """Say something of the numbers that were just measured.

    Args:
        text: in the notebook's language, with `{placeholders}`.
        values: for them.
    """
    stage.say(ja=text, en=text, **values)


def picture(subject: Any, name: str, *, params: Mapping[str, Any] | None = None) -> None:
    """As in the terminal, and the drawing below it.

    Args:
        subject: a loss, a dict of losses, or a Diagnosis.
        name: of the file.
        params: names for leaf tensors.
    """
    path = stage.picture(subject, name, params=params)
    if path.suffix == ".svg":
        _show_svg(path)


def plot(name: str, x: Sequence[float], curves: Mapping[str, Sequence[Any]], **options: Any) -> None:
    """As in the terminal, and the drawing below it.

    Args:
        name: of the file.
        x: places. curves: name -> a number for each place.
        options: as `stage.plot` takes them.
    """
    _show_svg(stage.plot(name, x, curves, **options))


def _show_svg(path: Path) -> None:
    try:
        from IPython.display import SVG, display
    except ImportError:
        return
    display(SVG(path.read_text(encoding="utf-8")))
