"""For the API page: our docstrings as mkdocstrings reads them, which wants a blank line before each section.

Loaded by docs/zensical.toml, as an extension of griffe.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import griffe

_SECTION = re.compile(r"(Args|Returns|Raises|Attributes|Yields):\s*$")
_REMARK = re.compile(r"(Gradient|Source): ?(.*)")
_SEVERAL = re.compile(r"( +)(\w+(?:, \w+)+): (.*)")


class Sections(griffe.Extension):
    """Rewrites every docstring before it is parsed; what is shown stays what is written."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = with_blank_lines(inspect.cleandoc(obj.docstring.value))


def with_blank_lines(text: str) -> str:
    """A docstring with a blank line before each section, bold remarks, and one line for each of several arguments."""
    lines: list[str] = []
    for line in text.splitlines():
        if _SECTION.match(line):
            lines += ["", line]
        elif remark := _REMARK.match(line):
            lines += ["", f"**{remark[1]}:** {remark[2]}".rstrip()]
        elif several := _SEVERAL.fullmatch(line):
            lines += [f"{several[1]}{name}: {several[3]}" for name in several[2].split(", ")]
        else:
            lines.append(line)
    return "\n".join(lines)
