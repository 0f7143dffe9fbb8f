"""A diagnosis in a notebook's cell: the one text, with the flow graph above it where it can be drawn."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path

from gradcheck_lm.draw import text
from gradcheck_lm.draw.graph import save_graph
from gradcheck_lm.draw.view import View
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.stepping.report import StepReport


def diagnosis_html(diagnosis: Diagnosis | StepReport | View, *, language: str = "en") -> str:
    """What a cell shows, escaped; `language` is "en" or "ja"."""
    view = view_of(diagnosis, language)
    picture = ""
    if view.graph.nodes:
        try:
            picture = _inline_svg(view)
        except Exception:  # a notebook must show the text even where drawing is not installed
            picture = ""
    return f"<div class='gradcheck-lm'>{picture}<pre>{html.escape(text.render(view))}</pre></div>"


def _inline_svg(view: View) -> str:
    with tempfile.TemporaryDirectory() as folder:
        drawn = save_graph(view, Path(folder) / "graph.svg").read_text(encoding="utf-8")
    return drawn[drawn.index("<svg") :]
