"""Runs that take no time, in a module that other processes can find."""

from __future__ import annotations

from typing import Any

from gradcheck_lm.bench.study.running.plan import Run
from gradcheck_lm.errors import DataError


def count(item: Run) -> dict[str, Any]:
    """A run that takes no time; a penalty's name makes it fail."""
    if item.penalty == "argmax":
        raise DataError("broken on purpose")
    return {"key": item.key, "study": item.study, "arm": item.arm, "seed": item.seed, "weight": item.weight}
