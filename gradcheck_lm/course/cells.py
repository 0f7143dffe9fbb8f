"""What the notebooks of the lessons call: the stage of a lesson, shown in a notebook's cells."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.course import stage
from gradcheck_lm.course.folder.shelf import source_course
from gradcheck_lm.course.stage import code as code
from gradcheck_lm.course.stage import holds as holds
from gradcheck_lm.course.stage import show as show
from gradcheck_lm.course.stage import table as table
from gradcheck_lm.course.stage import told as told


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
    return script


def option(name: str, default: str, **_: str) -> str:
    """What a script is told on its command line is the default here, to be changed in the cell.

    Args:
        name: of the option.
        default: what it is.
    """
    return default


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
