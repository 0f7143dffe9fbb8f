"""Measured numbers as every table and picture writes them; nothing of torch is needed for them."""

from __future__ import annotations

import math


def number(value: float | None) -> str:
    """A measured number in three digits; exactly 0 is "0", unknown is empty."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if 0.01 <= abs(value) < 1000 else f"{value:.2e}"
