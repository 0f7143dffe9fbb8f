"""The runs of the experiments as their records tell them: checked, and sorted into tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck_lm.errors import DataError
from gradcheck_lm.lab.measuring.metrics import LineErrors

START = "start"
"""The arm that is the recogniser before any of it."""
READINGS = ("held_out/greedy", "held_out/fused", "adapted/greedy", "adapted/fused")
"""Which lines, and how they were read."""
FIGURES = ("lm", "length_ratio", "gradient_norm", "cosine", "seconds_per_step", "peak_memory_mb")
"""Figures of a run that are not error rates."""
_NEEDED = ("key", "study", "group", "arm", "reference", "seed", "edits", "lengths")


@dataclass(frozen=True)
class Run:
    """One arm of one study, group and seed; `readings` holds those of `READINGS` that were measured."""

    key: str
    study: str
    group: Mapping[str, Any]
    arm: str
    reference: str
    kind: str
    against: str | None
    seed: int
    settings: Mapping[str, Any]
    readings: Mapping[str, LineErrors]
    figures: Mapping[str, float | None]
    stopped: str | None
    device: str
    torch: str


@dataclass(frozen=True)
class Group:
    """All runs that are held against one reference: one study, one group."""

    study: str
    group: Mapping[str, Any]
    reference: str
    runs: Sequence[Run]

    @property
    def seeds(self) -> list[int]:
        """Every seed that any arm has."""
        return sorted({run.seed for run in self.runs})

    @property
    def arms(self) -> list[str]:
        """Reference, the recogniser before any training, arms, controls and then oracles, as they first appear."""
        kinds = {run.arm: run.kind for run in self.runs}
        rank = {self.reference: 0, START: 1}
        return sorted(kinds, key=lambda arm: rank.get(arm, {"arm": 2, "control": 3, "oracle": 4}[kinds[arm]]))

    def of(self, arm: str) -> dict[int, Run]:
        """The runs of an arm by seed."""
        return {run.seed: run for run in self.runs if run.arm == arm}

    def readings(self, arm: str, reading: str) -> dict[int, LineErrors]:
        """Errors of an arm by seed; a seed without this reading is left out."""
        return {seed: run.readings[reading] for seed, run in self.of(arm).items() if reading in run.readings}


def group_records(records: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Records sorted into groups, in the order in which studies and groups first appear.

    Raises:
        DataError: a record lacks a field, counts edits of other lines than it has lengths for, stands there twice,
            names another reference than its group does, or has other lines than the rest of its seed.
    """
    sorted_runs: dict[tuple[str, str], list[Run]] = {}
    for record in records:
        run = run_of(record)
        sorted_runs.setdefault((run.study, json.dumps(run.group, sort_keys=True)), []).append(run)
    studies = list(dict.fromkeys(study for study, _ in sorted_runs))
    ordered = sorted(sorted_runs, key=lambda key: studies.index(key[0]))
    return [_group(sorted_runs[key]) for key in ordered]


def run_of(record: Mapping[str, Any]) -> Run:
    """One record as a run. Raises DataError as `group_records` does."""
    missing = [name for name in _NEEDED if name not in record]
    key = str(record.get("key", "a record without a key"))
    if missing:
        raise DataError(f"{key}: the record has no {', '.join(missing)}; run this arm again")
    readings = {}
    for reading in READINGS:
        part, decoder = reading.split("/")
        edits = (record["edits"].get(part) or {}).get(decoder)
        if edits is None:
            continue
        lengths = record["lengths"].get(part)
        if lengths is None or len(lengths) != len(edits) or len(edits) == 0:
            count = "no" if lengths is None else len(lengths)
            raise DataError(f"{key}: edits of {len(edits)} lines but {count} lengths in {reading}; run this arm again")
        readings[reading] = LineErrors(np.asarray(edits, dtype=np.int64), np.asarray(lengths, dtype=np.int64))
    return Run(
        key=key,
        study=record["study"],
        group=record["group"],
        arm=record["arm"],
        reference=record["reference"],
        kind=_kind(record),
        against=record["against"] if "against" in record else _against(record),
        seed=int(record["seed"]),
        settings=record.get("settings") or {},
        readings=readings,
        figures={name: _number(record.get(name)) for name in FIGURES},
        stopped=record.get("stopped"),
        device=record.get("device", "unknown device"),
        torch=(record.get("versions") or {}).get("torch", "of an unknown version"),
    )


def _group(runs: list[Run]) -> Group:
    first = runs[0]
    seen: dict[tuple[str, int], str] = {}
    lengths: dict[tuple[int, str], tuple[str, np.ndarray]] = {}
    for run in runs:
        if run.reference != first.reference:
            raise DataError(
                f"{run.key} is held against {run.reference!r}, but {first.key} of the same study and group against "
                f"{first.reference!r}: give all runs of a study the same reference"
            )
        if (run.arm, run.seed) in seen:
            raise DataError(f"{run.key} and {seen[run.arm, run.seed]} are the same arm and seed: keep one of them")
        seen[run.arm, run.seed] = run.key
        for reading, errors in run.readings.items():
            part = reading.split("/")[0]
            other, expected = lengths.setdefault((run.seed, part), (run.key, errors.lengths))
            if not np.array_equal(expected, errors.lengths):
                raise DataError(
                    f"{run.key} and {other} do not have the same {part} lines ({len(errors.lengths)} and "
                    f"{len(expected)} lines, {errors.lengths.sum()} and {expected.sum()} characters): a paired "
                    "comparison needs the same lines in the same order; run both with the same seed and data"
                )
    return Group(first.study, first.group, first.reference, runs)


def _kind(record: Mapping[str, Any]) -> str:
    """What the record says; an older one has only `control`, and counts what knows all labels among the controls."""
    if "kind" in record:
        return str(record["kind"])
    if (record.get("settings") or {}).get("special") == "oracle":
        return "oracle"
    return "control" if record.get("control") else "arm"


def _against(record: Mapping[str, Any]) -> str | None:
    """The own control of an arm, for records that are older than that field."""
    if record["arm"] == "fused readings, from the beginning":
        return "labels alone, from the beginning"
    alone = record["study"] == "new_hand" and not record.get("control") and record["arm"] != START
    return "CTC on fused readings" if alone else None


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
