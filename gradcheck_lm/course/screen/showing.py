"""What a lesson.py shows: numbers, tables, code, pictures of its own tensors, curves, reports."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.course.language import Words
from gradcheck_lm.course.say import plain_number, voice
from gradcheck_lm.course.screen import pictures
from gradcheck_lm.draw.wrapping import short, wrap, wrapped_code

REPORT = 80  # columns of a report: as many as a terminal has, so it is not indented
_folder: list[Path] = []  # for pictures, of the one lesson that this process runs
_others: list[str] = []  # languages in which pictures are wanted besides the learner's


def draw_into(folder: Path, others: Sequence[str] = ()) -> None:
    """Where pictures go from now on, and in which languages besides the learner's."""
    _folder[:], _others[:] = [folder], list(others)


def _languages() -> list[str]:
    return list(dict.fromkeys([voice().language, *_others]))


def _files(paths: Sequence[Path]) -> dict[str, str]:
    return {language: path.name for language, path in zip(_languages(), paths, strict=True)}


def show(label: str, value: object = ...) -> None:
    """Print `label = value`, as measured now; with one argument, print that text or result as it is."""
    from gradcheck_lm.course.screen.labels import in_japanese

    spoken = voice()
    if value is ...:
        ja = en = str(label)
    else:
        value = plain_number(value)
        said = f"{value:.6g}" if isinstance(value, float) else str(value)
        ja, en = in_japanese(label, said), f"{label} = {said}"
    spoken.events.append({"kind": "show", "text": en, "text_ja": ja})
    said = ja if spoken.language == "ja" else en
    if value is not ... and "\n" not in said:  # a sentence, such as an error's, does not end a line inside a word
        said = "\n    ".join(wrap(said, spoken.console.width - 9))
    spoken.put(textwrap.indent(said, "    "))
    if value is ... and "\n" in en:
        spoken.console.print()  # a text of its own; numbers stand below each other


def table(columns: list[str], rows: list[list[Any]]) -> None:
    """Print rows of measured values below heads; words of `heads.py` are shown in the learner's language."""
    from gradcheck_lm.course.screen.heads import japanese
    from gradcheck_lm.draw.terminal.consoles import table as fitted

    spoken = voice()
    values = [[plain_number(cell) for cell in row] for row in rows]
    cells = [[str(cell) if isinstance(cell, bool) else cell for cell in row] for row in values]
    ja_columns, ja_cells = [japanese(head) for head in columns], [[japanese(cell) for cell in row] for row in cells]
    event = {"kind": "table", "columns": columns, "rows": cells, "columns_ja": ja_columns, "rows_ja": ja_cells}
    spoken.events.append(event)
    heads, body = (ja_columns, ja_cells) if spoken.language == "ja" else (columns, cells)
    spoken.draw(fitted("", heads, body, encoding=spoken.console.encoding))
    spoken.console.print()


def code(function: Callable[..., Any]) -> None:
    """Print the source of a function of the lesson, with comments in the learner's language; long lines go on below
    their start.
    """
    from gradcheck_lm.course.screen.comments import in_english, in_japanese

    text = textwrap.dedent(inspect.getsource(function)).rstrip()
    words = Words(in_japanese(text), in_english(text))  # an exercise says what is asked for in both languages
    spoken = voice()
    spoken.events.append({"kind": "code", "text": words.en, "text_ja": words.ja})
    for line in words.in_language(spoken.language).splitlines():
        for part in wrapped_code(line, spoken.console.width - 6):
            spoken.put(f"    | {part}", style="cyan")
    spoken.console.print()


def picture(subject: Any, name: str, *, params: Mapping[str, Any] | None = None) -> Path:
    """Show what the package sees: a tree in the terminal, and the same as SVG in the pictures' folder.

    Args:
        subject: a loss tensor or a dict of them (the autograd graph), or a Diagnosis (the data flow with its cuts).
        name: of the file, without an ending.
        params: names for leaf tensors.
    Returns:
        The file.
    """
    spoken = voice()
    words, paths = pictures.draw(
        subject, _folder[-1] / name, params=params, console=spoken.console, languages=_languages()
    )
    spoken.events.append({"kind": "picture", "text": words.en, "text_ja": words.ja, "files": _files(paths)})
    spoken.put(textwrap.indent(words.in_language(spoken.language), "    "))
    _tell_where(paths[0])
    return paths[0]


def plot(
    name: str, x: Sequence[float], curves: Mapping[str, Sequence[Any]], *, x_label: str, y_label: str,
    log: bool = False, bars: bool = False,
) -> Path:  # fmt: skip
    """Show curves of measured numbers: in characters in the terminal, and as SVG in the pictures' folder.

    Args:
        name: of the file, without an ending.
        x: places, rising. curves: name -> a number for each place.
        x_label, y_label: what is measured; words of `heads.py` are shown in the learner's language.
        log: space the places by their logarithms. bars: draw steps.
    Returns:
        The file.
    """
    from gradcheck_lm.course.screen.heads import japanese
    from gradcheck_lm.course.screen.plots import Plot

    numbers = {label: [float(plain_number(y)) for y in ys] for label, ys in curves.items()}  # type: ignore[arg-type]
    places = [float(place) for place in x]
    english = Plot(places, numbers, x_label, y_label, log, bars)
    kanji = Plot(places, {japanese(label): ys for label, ys in numbers.items()}, japanese(x_label), japanese(y_label),
                 log, bars, language="ja")  # fmt: skip
    paths = [
        pictures.write_picture(path, (kanji if language == "ja" else english).svg())
        for language, path in pictures.named(_folder[-1] / name, ".svg", _languages()).items()
    ]
    spoken = voice()
    words = Words(kanji.text(), english.text())
    spoken.events.append({"kind": "picture", "text": words.en, "text_ja": words.ja, "files": _files(paths)})
    spoken.put(textwrap.indent(words.in_language(spoken.language), "    "))
    _tell_where(paths[0])
    return paths[0]


def told(report: Any) -> None:
    """Show what the debugger says of training steps, as `diagnose_step` gives it; or words said elsewhere."""
    spoken = voice()
    words = report
    if not isinstance(report, Words):
        words = pictures.report_words(report, width=REPORT, encoding=spoken.console.encoding)
    words = Words(words.ja.rstrip(), words.en.rstrip())
    spoken.events.append({"kind": "told", "text": words.en, "text_ja": words.ja})
    spoken.put(words.in_language(spoken.language))
    spoken.console.print()


def _tell_where(path: Path) -> None:
    spoken = voice()
    spoken.tell(Words("図:", "picture:"), style="dim")
    spoken.put(f"    {short(path)}", style="dim")
    spoken.console.print()
