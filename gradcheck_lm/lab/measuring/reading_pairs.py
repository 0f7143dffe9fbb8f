"""Two readings of each line side by side, with what differs marked: for a terminal, and as a page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from gradcheck_lm.files import encodable

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Readings before and after</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }}
del {{ background: #fde0dd; text-decoration: line-through; }}
ins {{ background: #d9f0d3; text-decoration: none; font-weight: 600; }}
</style>
</head>
<body>
<h1>Readings before and after</h1>
<p>{changed} of {lines} lines are read differently; those that changed most come first.</p>
<table>
<thead><tr><th>line</th><th>before</th><th>after</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def differing(before: str, after: str) -> list[tuple[str, str]]:
    """The two texts as runs of (before, after); equal where nothing changed."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [(before[a:b], after[c:d]) for _, a, b, c, d in matcher.get_opcodes()]


def marked(before: str, after: str) -> tuple[str, str]:
    """Both texts with what differs in square brackets; a gap is shown as []."""
    runs = differing(before, after)
    return tuple(  # type: ignore[return-value]
        "".join(run[side] if run[0] == run[1] else f"[{run[side]}]" for run in runs) for side in (0, 1)
    )


def most_changed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with `before` and `after`, those with the most changed characters first, else in their order."""
    return sorted(rows, key=lambda row: -_weight(row["before"], row["after"]))


def readings_page(rows: Sequence[dict[str, Any]]) -> str:
    """A page of all rows (`image`, `before`, `after`) that needs no network; every text is escaped."""
    cells = []
    for row in most_changed(rows):
        runs = differing(row["before"], row["after"])
        old = "".join(_escaped(a) if a == b else _tag("del", a) for a, b in runs)
        new = "".join(_escaped(b) if a == b else _tag("ins", b) for a, b in runs)
        cells.append(f"<tr><td>{_escaped(str(row['image']))}</td><td>{old}</td><td>{new}</td></tr>")
    changed = sum(row["before"] != row["after"] for row in rows)
    return encodable(_PAGE.format(changed=changed, lines=len(rows), rows="\n".join(cells)))


def _weight(before: str, after: str) -> int:
    return sum(max(len(a), len(b)) for a, b in differing(before, after) if a != b)


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _tag(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>" if text else ""
