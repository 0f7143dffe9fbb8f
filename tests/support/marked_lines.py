"""A layer, its data, and lines of a test found again by the mark at their end: `# <- mark`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from gradcheck_lm.flow import Finding, diagnose

torch.manual_seed(0)
LAYER = nn.Linear(4, 3)
DATA = torch.randn(5, 4)


def first(fn: Callable[[], Tensor]) -> Finding:
    return diagnose(fn, LAYER).errors[0]


def marked_text(finding: Finding) -> str | None:
    """What the caret stands under."""
    return None if finding.columns is None else finding.source[slice(*finding.columns)]


def marked_line(file: str, mark: str) -> int:
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.rstrip().endswith("# <- " + mark))


def is_at(finding: Finding, file: str, mark: str) -> bool:
    return (finding.file, finding.line) == (file, marked_line(file, mark))
