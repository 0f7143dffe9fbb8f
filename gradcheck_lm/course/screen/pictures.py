"""The pictures of a lesson: a tree for the terminal, an SVG beside it, and where they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from gradcheck_lm.course.language import Words
from gradcheck_lm.errors import LayoutError, MissingPackageError
from gradcheck_lm.files import user_cache, write_text_atomic

_TREE = {
    "(see above)": "(上と同じ)",
    "no grad_fn: backward has nowhere to go": "grad_fn がない: 逆伝播はここから先へ進めない",
    "a leaf: requires_grad is True, but nothing leads from here to the model":
        "葉テンソル: requires_grad は True だが、ここからモデルへの経路はない",
}  # fmt: skip


def default_folder(name: str) -> Path:
    """Where a lesson's pictures go unless --out says otherwise: the user's cache, never the course itself."""
    return user_cache() / "lessons" / name


def draw(subject: Any, stem: Path, *, params: Mapping[str, Any] | None, console: Console) -> tuple[Words, Path]:
    """The text for the terminal, and the picture that was written.

    Args:
        subject: a loss, a dict of losses, or a Diagnosis.
        stem: the file without its ending; .svg is added, or .dot where no layout engine is installed.
        params: names for leaf tensors.
        console: whose width and encoding the text is made for.
    """
    from gradcheck_lm.flow.findings.model import Diagnosis

    if isinstance(subject, Diagnosis):
        words = report_words(subject, width=min(console.width, 96) - 4, encoding=console.encoding)
    else:
        from gradcheck_lm.draw.autograd.tree import autograd_tree_text

        text = autograd_tree_text(subject, params=params, encoding=console.encoding)
        words = Words(_tree_in_japanese(text), text)
    try:
        return words, _save(subject, stem.with_suffix(".svg"), params)
    except (MissingPackageError, LayoutError):
        return words, _save(subject, stem.with_suffix(".dot"), params)


def _tree_in_japanese(text: str) -> str:
    for english, japanese in _TREE.items():
        text = text.replace(english, japanese)
    return text


def report_words(report: Any, *, width: int, encoding: str) -> Words:
    """What a Diagnosis or a report of training steps says, in both languages."""
    from gradcheck_lm.draw.terminal.terminal import diagnosis_text

    return Words(diagnosis_text(report, width=width, language="ja", encoding=encoding),
                 diagnosis_text(report, width=width, language="en", encoding=encoding))  # fmt: skip


def _save(subject: Any, path: Path, params: Mapping[str, Any] | None) -> Path:
    if hasattr(subject, "save_graph"):
        return subject.save_graph(path)
    from gradcheck_lm.draw.autograd.autograd import save_autograd

    return save_autograd(subject, path, params=params)


def write_picture(path: Path, drawing: str) -> Path:
    """A drawing that is SVG text already."""
    return write_text_atomic(path, drawing)


def write_record(path: Path, events: list[dict[str, Any]]) -> Path:
    """All that a lesson said and showed, as JSON, from which a page can be made in either language."""
    return write_text_atomic(path, json.dumps(events, indent=1, ensure_ascii=False) + "\n")
