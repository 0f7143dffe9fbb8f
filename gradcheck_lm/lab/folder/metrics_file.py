"""metrics.jsonl: one line of JSON a step, appended; what a killed run left behind is mended when it goes on."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from gradcheck_lm.files import write_bytes_atomic
from gradcheck_lm.foreign import parse_json

METRICS = "metrics.jsonl"


class MetricsFile:
    """The records of a run on disk."""

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / METRICS

    def append(self, record: dict[str, Any]) -> None:
        """Add a step's record. Raises OSError where the disk refuses; a half-written line is cut off by `keep`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as stream:
            stream.write(json.dumps(record).encode() + b"\n")

    def sync(self) -> None:
        """See that it is on disk: a state must never be older than the records it stands for, not even after a power
        cut."""
        if self.path.exists():
            with open(self.path, "ab") as stream:
                os.fsync(stream.fileno())

    def clear(self) -> None:
        """Start anew."""
        self.path.unlink(missing_ok=True)

    def keep(self, step: int) -> list[dict[str, Any]]:
        """The records up to a step, which is all that the file holds afterwards: later steps are done again."""
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        kept: list[dict[str, Any]] = []
        good: list[bytes] = []
        for line in lines:
            record = _parsed(line)
            if record is None or record["step"] > step:
                break
            kept.append(record)
            good.append(line)
        if len(good) < len(lines):
            write_bytes_atomic(self.path, b"".join(good))
        if [record["step"] for record in kept] != list(range(1, step + 1)):
            warnings.warn(
                f"{self.path} holds {len(kept)} of the {step} steps done so far; the weights are not affected",
                stacklevel=2,
            )
        return kept


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A whole record, or None for a line that was cut off."""
    try:
        record = parse_json(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("step"), int) else None
