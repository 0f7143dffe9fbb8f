"""A diagnosis in less than a line, for where only the first line of an error is shown."""

from __future__ import annotations

from collections.abc import Sequence

from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.findings.paths import at


def headline(findings: Sequence[Finding]) -> str:
    """The first error: "GF101 argmax, losses.py:9", and how many more there are; the same in every language."""
    errors = [one for one in findings if one.severity == "error"] or list(findings)
    if not errors:
        return ""
    first = errors[0]
    name = first.op.rpartition(".")[2] or first.kind
    place = f", {at(first.file, first.line)}" if first.line else ""
    more = f" (+{len(errors) - 1})" if len(errors) > 1 else ""
    return f"{first.code} {name}{place}{more}"
