"""How fast a figure grows: an exponent with its range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from gradcheck_lm.bench.scale.scale_points import Figures

REPEATS = 5  # steps that are measured at each point
NOISE_MB = 4.0  # less is the allocator's; nothing is fitted to it
FASTER = 1.1  # an exponent above it is called faster than linear: 15 % of noise between sizes that differ by 4


def growth(rows: Sequence[Figures], x: str, *, time: str) -> dict[str, dict[str, Any]]:
    """For each curve with at least three points, how time and memory grow."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["series"] for row in rows):
        mine = sorted((row for row in rows if row["series"] == name), key=lambda row: row[x])
        if len(mine) >= 3:
            found[name] = {
                key: exponent([(row[x], row[key]) for row in mine], least=least)
                for key, least in ((time, 0.0), ("memory_mb", NOISE_MB))
            }
    return found


def exponent(points: Sequence[tuple[float, float]], *, least: float = 0.0) -> dict[str, float] | None:
    """b of y = a x^b by least squares on logarithms, and the flattest and steepest b between neighbours.

    Args:
        points: (x, y), by growing x.
        least: points whose y is not above it are left out.
    Returns:
        None where fewer than three points are left.
    """
    logs = [(math.log(x), math.log(y)) for x, y in points if y > least]
    if len(logs) < 3:
        return None
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)
    between = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(logs)]
    return {"fitted": slope, "flattest": min(between), "steepest": max(between)}


def faster_than_linear(report: dict[str, Any]) -> list[str]:
    """The curves over lines whose fitted exponent is above FASTER, in words."""
    found = []
    for axis in report["axes"].values():
        for name, measures in axis["growth"].items() if axis["in_lines"] else ():
            for key, grown in measures.items():
                if grown is not None and grown["fitted"] > FASTER:
                    found.append(f"{key} of {axis['title'].lower()}, {name}: exponent {grown['fitted']:.2f}")
    return found
