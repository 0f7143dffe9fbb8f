"""The pages of docs/ that are generated from the code."""

from __future__ import annotations

from pathlib import Path

from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.flow.findings import KINDS


def write_docs(out: str | Path) -> list[Path]:
    """Write the generated pages; gives their paths."""
    return [write_text_atomic(Path(out) / "findings.md", findings_page())]


def findings_page() -> str:
    """docs/findings.md: every kind of finding, from the one table that holds them."""
    lines = [
        "# Kinds of finding",
        "",
        "Generated from `gradcheck_lm/flow/findings.py` by `make docs`. A code is stable for ever and never reused.",
        "",
        "| code | kind | what cut the gradient |",
        "|---|---|---|",
    ]
    lines += [f"| {kind.code} | `{name}` | {kind.title} |" for name, kind in KINDS.items()]
    for name, kind in KINDS.items():
        lines += ["", f"## {kind.code} {name}: {kind.title}", "", kind.why, "", "What to use instead:", ""]
        lines += [f"- {cure}" for cure in kind.cures]
    return "\n".join(lines) + "\n"
