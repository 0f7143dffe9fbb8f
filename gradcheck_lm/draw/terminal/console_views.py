"""Results as rich prints them."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from gradcheck_lm.draw.terminal.terminal import DiagnosisText
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.stepping.report import StepReport


def renderable(value: Any) -> RenderableType:
    """A diagnosis with its tree and colours; of any other result its text, in which nothing is read as a command."""
    if isinstance(value, Diagnosis | StepReport):
        return DiagnosisText(view_of(value))
    return Text(str(value), no_wrap=True, overflow="ignore")
