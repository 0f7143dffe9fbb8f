"""What a training run leaves behind: one record a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class TrainingResult:
    """What a run left behind: one record a step, and its costs."""

    records: list[dict[str, Any]] = field(default_factory=list)
    resumed_from: int = 0
    stopped: str | None = None  # why it ended before its last step, where it did

    @property
    def seconds_per_step(self) -> float:
        """Median over the steps that measured no gradients by term; over all where every step did."""
        plain = [r["seconds"] for r in self.records if not any("gradient_norm" in row for row in r["terms"].values())]
        durations = sorted(plain or [record["seconds"] for record in self.records])
        return durations[len(durations) // 2] if durations else 0.0

    @property
    def data_share(self) -> float:
        """Share of the steps' time, 0 to 1, that was spent waiting for their lines; without the first step of this
        run, which waits for its batch as nothing was there to do in the meantime."""
        known = [record for record in self.records[self.resumed_from + 1 :] if "data_wait" in record]
        seconds = sum(record["seconds"] for record in known)
        return sum(record["data_wait"] for record in known) / seconds if seconds else 0.0

    @property
    def peak_memory_mb(self) -> float:
        """Highest over the steps, in MB."""
        return max((record["peak_memory_mb"] for record in self.records), default=0.0)

    def series(self, term: str, key: str) -> list[tuple[int, float]]:
        """(step, value) of one figure of one term, over the steps that have it."""
        found = ((record["step"], record["terms"].get(term, {}).get(key)) for record in self.records)
        return [(step, value) for step, value in found if isinstance(value, (int, float))]

    def median(self, term: str, key: str) -> float | None:
        """Median over the steps that measured it; None where none did."""
        values = sorted(value for _, value in self.series(term, key))
        return values[len(values) // 2] if values else None
