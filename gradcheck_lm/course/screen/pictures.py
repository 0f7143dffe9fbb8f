"""The pictures of a lesson: a tree for the terminal, an SVG beside it, and where they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from gradcheck_lm.course.language import LANGUAGES, Words
from gradcheck_lm.errors import LayoutError, MissingPackageError
from gradcheck_lm.files import user_cache, write_text_atomic


def default_folder(name: str) -> Path:
    """Where a lesson's pictures go unless --out says otherwise: the user's cache, never the course itself."""
    return user_cache() / "lessons" / name


def draw(
    subject: Any, stem: Path, *, params: Mapping[str, Any] | None, console: Console, languages: Sequence[str]
) -> tuple[Words, list[Path]]:
    """The text for the terminal, and the pictures that were written, one for each language.

    Args:
        subject: a loss, a dict of losses, or a Diagnosis.
        stem: the file without its ending; .svg is added, or .dot where no layout engine is installed.
        params: names for leaf tensors.
        console: whose width and encoding the text is made for.
        languages: of the pictures; those after the first have their language in the name.
    """
    from gradcheck_lm.flow.findings.model import Diagnosis

    if isinstance(subject, Diagnosis):
        words = report_words(subject, width=min(console.width, 96) - 4, encoding=console.encoding)
    else:
        from gradcheck_lm.draw.autograd.tree import autograd_tree_text

        ja, en = (
            autograd_tree_text(subject, params=params, encoding=console.encoding, language=language)
            for language in LANGUAGES
        )
        words = Words(ja, en)
    try:
        return words, _save(subject, stem, ".svg", params, languages)
    except (MissingPackageError, LayoutError):
        return words, _save(subject, stem, ".dot", params, languages)


def named(stem: Path, ending: str, languages: Sequence[str]) -> dict[str, Path]:
    """A file for each language: NAME.svg, NAME.ja.svg."""
    return {language: stem.with_name(f"{stem.name}{f'.{language}' * (place > 0)}{ending}")
            for place, language in enumerate(languages)}  # fmt: skip


def report_words(report: Any, *, width: int, encoding: str) -> Words:
    """What a Diagnosis or a report of training steps says, in both languages."""
    from gradcheck_lm.draw.terminal.terminal import diagnosis_text

    return Words(diagnosis_text(report, width=width, language="ja", encoding=encoding),
                 diagnosis_text(report, width=width, language="en", encoding=encoding))  # fmt: skip


def _save(
    subject: Any, stem: Path, ending: str, params: Mapping[str, Any] | None, languages: Sequence[str]
) -> list[Path]:
    from gradcheck_lm.draw.autograd.autograd import save_autograd
    from gradcheck_lm.draw.graph.graph import save_graph
    from gradcheck_lm.flow.findings.model import Diagnosis

    written = []
    for language, path in named(stem, ending, languages).items():
        if isinstance(subject, Diagnosis):
            written.append(save_graph(subject, path, language=language))
        else:
            written.append(save_autograd(subject, path, params=params, language=language))
    return written


def write_picture(path: Path, drawing: str) -> Path:
    """A drawing that is SVG text already."""
    return write_text_atomic(path, drawing)


def write_record(path: Path, events: list[dict[str, Any]]) -> Path:
    """All that a lesson said and showed, as JSON, from which a page can be made in either language."""
    return write_text_atomic(path, json.dumps(events, indent=1, ensure_ascii=False) + "\n")
