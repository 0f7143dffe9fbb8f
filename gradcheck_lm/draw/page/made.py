"""What a page is of: the program, the command, the moment, the versions."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.paths import short_path

_SECRET = re.compile(r"token|secret|passw|key|credential", re.I)
_INTERACTIVE = ("ipykernel", "IPython")


def facts(*, script: str = "") -> dict[str, str]:
    """Name -> what is known of it; a command only where a person typed one, with what may be a secret left out."""
    packages = {name: _version(name) for name in ("gradcheck_lm", "torch")}
    found = {
        "script": script,
        "command": command(sys.argv),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "versions": ", ".join(
            [*(f"{name} {there}" for name, there in packages.items() if there), f"Python {platform.python_version()}"]
        ),
    }
    return {name: value for name, value in found.items() if value}


def script_of(diagnosis: Diagnosis) -> str:
    """The file in which the loss was computed, as far as the diagnosis knows."""
    files = [finding.file for finding in diagnosis.findings if finding.file and finding.line]
    files = files or [node.file for node in diagnosis.graph.nodes if node.file]
    return short_path(Counter(files).most_common(1)[0][0]) if files else ""


def command(words: Sequence[str]) -> str:
    """A command line as it could be typed again; "" in a notebook or at a prompt."""
    if not words or not words[0] or words[0].startswith("-") or any(name in sys.modules for name in _INTERACTIVE):
        return ""
    first = Path(words[0])
    ours = first.name == "__main__.py" and first.parent.name == "gradcheck_lm"
    program = ["gradcheck-lm"] if ours or first.name == "gradcheck-lm" else ["python", first.name]
    rest: list[str] = []
    hidden = False
    for word in words[1:]:
        name, equals, _ = word.partition("=")
        if hidden and not word.startswith("-"):
            word = "..."
        elif equals and _SECRET.search(name):
            word = f"{name}=..."
        hidden = word.startswith("-") and not equals and bool(_SECRET.search(word))
        rest.append(word)
    return shlex.join([*program, *rest])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
