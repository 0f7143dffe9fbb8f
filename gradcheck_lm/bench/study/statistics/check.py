"""The figures of experiments.json worked out again from the raw records, by other code than the page's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck_lm.errors import DataError
from gradcheck_lm.foreign import parse_json, read_text

READINGS = ("held_out/greedy", "held_out/fused", "adapted/greedy", "adapted/fused")
EXACT = 1e-9  # of what has one right value
SAMPLED = 0.006  # fraction of CER: how far two bootstraps of different draws may differ at the ends
LEVEL = 0.05
BORDER = 0.01  # a p this near to the level may fall on either side by its draws
REPLICATIONS, FLIPS = 1000, 4000


def check(records: Sequence[Mapping[str, Any]], summary: str | Path) -> tuple[int, list[str]]:
    """How many figures were worked out again, and what differs.

    Args:
        records: the raw records, one mapping a run.
        summary: experiments.json, as `study report` wrote it.
    Raises:
        DataError: the summary cannot be read, or tells of a table that no record belongs to.
    """
    tables = parse_json(read_text(Path(summary)))["tables"]
    counted, faults = 0, []
    for table in tables:
        mine = [r for r in records if (r["study"], r["group"]) == (table["study"], table["group"])]
        if not mine:
            raise DataError(f"{summary} has a table of {table['study']} {table['group']} without records")
        for reading in READINGS:
            number, found = _reading(table, mine, reading)
            counted += number
            faults += [f"{table['study']} {json.dumps(table['group'])} {reading}: {fault}" for fault in found]
    return counted, faults


def _reading(table: Mapping[str, Any], mine: Sequence[Mapping[str, Any]], reading: str) -> tuple[int, list[str]]:
    part, decoder = reading.split("/")
    by_arm: dict[str, dict[int, tuple[Any, Any]]] = {}
    for record in mine:
        if record["edits"].get(part, {}).get(decoder) is not None:
            pair = np.array(record["edits"][part][decoder]), np.array(record["lengths"][part])
            by_arm.setdefault(record["arm"], {})[record["seed"]] = pair
    reference, counted, faults = by_arm.get(table["reference"], {}), 0, []
    tested: list[tuple[str, float, float | None, Mapping[str, Any]]] = []
    for row in table["rows"]:
        said = row["errors"].get(reading)
        if (said is None) != (row["arm"] not in by_arm):
            faults.append(f"{row['arm']}: it is in one of records and summary alone")
        if said is None or row["arm"] not in by_arm:
            continue
        runs = by_arm[row["arm"]]
        seeds = [seed for seed in sorted(runs) if seed in reference and row["arm"] != table["reference"]]
        own = {"cer": float(np.mean([e.sum() / n.sum() for e, n in runs.values()]))}
        if seeds:
            own |= _against(reference, runs, seeds)
        for name, value in own.items():
            close = EXACT if name in ("cer", "change", "points") else SAMPLED
            for ours, theirs in zip(
                np.atleast_1d(value), np.atleast_1d(np.nan if said[name] is None else said[name]), strict=False
            ):
                counted += 1
                if np.isfinite(theirs) and abs(ours - theirs) > close:
                    faults.append(f"{row['arm']}: {name} is {ours:.6f}, the summary has {theirs:.6f}")
        if seeds and said["p"] is not None:
            p = _p(reference, runs, seeds, same=table["same_lines"])
            tested.append((row["arm"], p, said["holm"], said))
            counted += 1
            spread = (p * (1 - p) / FLIPS) ** 0.5  # of a p from so many flips
            if abs(p - said["p"]) > (EXACT if said["test"] == "paired t" else 5 * spread + 1e-3):
                faults.append(f"{row['arm']}: p is {p:.5f}, the summary has {said['p']:.5f}")
    return counted + len(tested), faults + _adjusted(table, reading, tested)


def _adjusted(table: Mapping[str, Any], reading: str, tested: Sequence[tuple[str, float, Any, Any]]) -> list[str]:
    """Holm's adjustment and the verdict's list of arms that lower CER on top of fusion."""
    faults, least = [], 0.0
    lower = set()
    for place, (arm, p, holm, said) in enumerate(sorted(tested, key=lambda one: one[1])):
        least = max(least, min(1.0, (len(tested) - place) * p))
        if holm is not None and (least < LEVEL) != (holm < LEVEL) and abs(holm - LEVEL) > BORDER:
            faults.append(f"{arm}: adjusted p is {least:.4f}, the summary has {holm:.4f}")
        low, high = said["points_interval"] or (0.0, 0.0)
        clear = not table["same_lines"] or not low <= 0 <= high
        if holm is not None and holm < LEVEL and said["points"] < 0 and clear:
            lower.add(arm)
    if reading == "held_out/fused" and "beyond_fusion" in table["verdict"]:
        arms = {row["arm"] for row in table["rows"] if row["kind"] == "arm"}
        if lower & arms != set(table["verdict"]["beyond_fusion"]):
            faults.append(f"lower on top of fusion: {sorted(lower & arms)}, {table['verdict']['beyond_fusion']}")
    return faults


def _against(reference: Mapping[int, Any], runs: Mapping[int, Any], seeds: Sequence[int]) -> dict[str, Any]:
    before = np.concatenate([reference[seed][0] for seed in seeds])
    after = np.concatenate([runs[seed][0] for seed in seeds])
    lengths = np.concatenate([runs[seed][1] for seed in seeds])
    rates = [(reference[s][0].sum() / reference[s][1].sum(), runs[s][0].sum() / runs[s][1].sum()) for s in seeds]
    drawn = np.random.default_rng(54321)
    ends = []
    if len(seeds) == 1 or not all(np.array_equal(runs[s][1], runs[seeds[0]][1]) for s in seeds):
        moved, all_lengths = np.zeros(REPLICATIONS), np.zeros(REPLICATIONS)
        for seed in seeds:
            picked = drawn.integers(0, len(runs[seed][1]), (REPLICATIONS, len(runs[seed][1])))
            moved += (runs[seed][0] - reference[seed][0])[picked].sum(1)
            all_lengths += runs[seed][1][picked].sum(1)
        ends = [float(end) for end in np.percentile(moved / all_lengths, (2.5, 97.5))]
    return {
        **({"points_interval": ends} if ends else {}),
        "points": float((after - before).sum() / lengths.sum()),
        "change": float(np.mean([new / old - 1 for old, new in rates])),
    }


def _p(reference: Mapping[int, Any], runs: Mapping[int, Any], seeds: Sequence[int], *, same: bool) -> float:
    from scipy.stats import ttest_rel

    old = [reference[s][0].sum() / reference[s][1].sum() for s in seeds]
    new = [runs[s][0].sum() / runs[s][1].sum() for s in seeds]
    if len(seeds) >= 3 and np.ptp(np.subtract(new, old)) > 0:
        return float(ttest_rel(new, old).pvalue)
    each = [runs[s][0] - reference[s][0] for s in seeds]
    differences = np.sum(each, axis=0) if same else np.concatenate(each)
    signs = np.random.default_rng(12345).choice((-1, 1), (FLIPS, len(differences)))
    extreme = np.abs(signs @ differences) >= abs(differences.sum())
    return float((extreme.sum() + 1) / (FLIPS + 1))
