"""What a program of the zoo announces in its header and on its lines, and the whole text that stands beside it."""

from __future__ import annotations

import functools
import re
import sys
from collections import Counter
from pathlib import Path

import torch

from gradcheck_lm.draw import view
from gradcheck_lm.draw.terminal import text
from gradcheck_lm.flow import Diagnosis, StepReport

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
_NUMBER = re.compile(r"(?<![\w:.])-?(?:\d+\.\d+(?:e[-+]?\d+)?|nan\b|inf\b)(?!\.py)")
_LIBRARY = re.compile(r"\b((?:torch|numpy)/[\w/]+\.py):\d+")


def expected(path: Path) -> list[tuple[str, int]]:
    """(kind, line) of every cut that a header announces, in the order in which the data meets them.

    A line is marked `# <- kind`, or `# <- kind kind` where two cuts lie on it.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    header = re.fullmatch(r"# expected: (\w+(?: \w+)*)", lines[0])
    assert header is not None, f"{path.name} has no header '# expected: KIND ...'"
    marks = [
        (kind, number)
        for number, line in enumerate(lines, 1)
        if (mark := re.search(r"# <- (\w+(?: \w+)*)$", line)) is not None
        for kind in mark[1].split()
    ]
    kinds = header[1].split()
    assert Counter(kind for kind, _ in marks) == Counter(kinds), f"{path.name}: header and marked lines differ"
    found = []
    for kind in kinds:  # of a kind that comes twice the upper line is the first
        mark = next(mark for mark in marks if mark[0] == kind)
        marks.remove(mark)
        found.append(mark)
    return found


def unannounced(found: Diagnosis | StepReport, path: Path) -> list[tuple[str, str, int]]:
    """Findings of severity error that the program's header does not speak of."""
    announced = [(kind, path.name, line) for kind, line in expected(path)]
    errors = [(one.kind, Path(one.file).name, one.line) for one in found.findings if one.severity == "error"]
    return [error for error in errors if error not in announced]


@functools.cache
def written_here() -> bool:
    """Whether this is the Python and the torch that the texts were written with: names and lines differ elsewhere."""
    pinned = re.search(r"^torch==(\d+\.\d+)", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    return sys.version_info[:2] == (3, 11) and torch.__version__.startswith(f"{pinned[1]}.")


def masked(found: Diagnosis | StepReport) -> str:
    """The one text without what differs from machine to machine: measured numbers, and lines of libraries."""
    told = _LIBRARY.sub(r"\1:#", _NUMBER.sub("#", text.render(view.of(found))))
    table = re.compile(r"^term .*\n-+\n(?:.*\n)*?(?=\n)", re.MULTILINE)  # its columns are as wide as their numbers
    return table.sub(lambda rows: re.sub(r"-{2,}", "-", re.sub(r" {2,}", "  ", rows[0])), told) + "\n"


def beside(path: Path, found: Diagnosis | StepReport, *, overwrite: bool) -> None:
    """Compare what is found with the text beside the program; with overwrite, write it.

    Run the program in its own folder: the lines of a text break where its places are as short as that.
    """
    if not written_here():
        return
    told, file = masked(found), path.with_suffix(".txt")
    if overwrite:
        file.write_text(told, encoding="utf-8")
        return
    assert file.exists(), f"{file} is missing; run pytest --overwrite once and read what it wrote"
    assert told == file.read_text(encoding="utf-8"), f"differs from {file}; if that is meant, pytest --overwrite"
