"""Wrong answers on purpose: a lesson's check must reject each, and for the right reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.course.checking.judge import load
from gradcheck_lm.errors import DataError


@dataclass(frozen=True)
class Mutant:
    """The solution with the code of some holes replaced: a mistake that people really make.

    Attributes:
        holes: name of the hole -> wrong code, indented as you like.
        rejected_by: the function in check.py that must reject it.
        crash: it is rejected because its own code raises.
    """

    holes: dict[str, str]
    rejected_by: str
    crash: bool = False


def mutants_of(lesson_folder: Path) -> dict[str, Mutant]:
    """The table MUTANTS of a lesson's mutants.py."""
    path = lesson_folder / "mutants.py"
    found = getattr(load(path), "MUTANTS", None)
    if not isinstance(found, dict) or not all(isinstance(mutant, Mutant) for mutant in found.values()):
        raise DataError(f"{path} needs a table MUTANTS from names to Mutant(...)")
    return found
