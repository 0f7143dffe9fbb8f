"""Curves of what a lesson measured: a few lines of characters for the terminal, and the same as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len

from gradcheck_lm.course.language import Words
from gradcheck_lm.draw.numbers import number
from gradcheck_lm.draw.plots.curves import DASHES, PALETTE
from gradcheck_lm.errors import ArgumentError

MARKS = "*o+x#"
_LOGARITHMIC = Words("、対数目盛", ", logarithmic")
_OVER = Words("{x} に対する {y}", "{y} over {x}")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 620, 320, 74, 28, 28, 16
_ROW = 18  # of the keys below


@dataclass(frozen=True)
class Plot:
    """Curves over the same places; with `log` the places are spaced by their logarithms, with `bars` drawn as steps.

    Attributes:
        x: places, rising; above 0 where `log`.
        curves: name -> a finite number for each place; 5 of them at most.
        x_label, y_label: what is measured.
        language: "ja" or "en", of what is written besides.
    """

    x: Sequence[float]
    curves: Mapping[str, Sequence[float]]
    x_label: str
    y_label: str
    log: bool = False
    bars: bool = False
    language: str = "en"

    def __post_init__(self) -> None:
        sizes = {name: len(ys) for name, ys in self.curves.items()}
        if not self.curves or len(self.curves) > len(MARKS) or set(sizes.values()) != {len(self.x)} or len(self.x) < 2:
            raise ArgumentError(f"a plot needs 1 to {len(MARKS)} curves over its {len(self.x)} places, not {sizes}")
        values = [y for ys in self.curves.values() for y in ys]
        if not all(map(math.isfinite, [*values, *self.x])) or (self.log and min(self.x) <= 0):
            raise ArgumentError("a plot needs finite numbers, and places above 0 where their logarithms count")

    def _shares(self) -> tuple[list[float], dict[str, list[float]], float, float]:
        """Places and values from 0 to 1, and the lowest and the highest value."""
        places = [math.log(one) for one in self.x] if self.log else list(self.x)
        first, wide = places[0], (places[-1] - places[0]) or 1.0
        values = [y for ys in self.curves.values() for y in ys]
        low, high = min(values), max(values)
        tall = (high - low) or 1.0
        rows = {name: [(y - low) / tall for y in ys] for name, ys in self.curves.items()}
        return [(place - first) / wide for place in places], rows, low, high

    def text(self, width: int = 64, height: int = 11) -> str:
        """Characters that every console has: a mark for each curve, a frame, and what the marks are."""
        places, rows, low, high = self._shares()
        grid = [[" "] * width for _ in range(height)]
        for mark, shares in zip(MARKS, rows.values(), strict=False):
            for column in range(width):
                share = _at(column / (width - 1), places, shares, steps=self.bars)
                line = grid[height - 1 - round(share * (height - 1))]
                line[column] = mark if line[column] in (" ", mark) else "="
        edge = max(len(number(high)), len(number(low)))
        sides = [number(high) if i == 0 else number(low) if i == height - 1 else "" for i in range(height)]
        lines = [f"{side:>{edge}} |{''.join(line).rstrip()}" for side, line in zip(sides, grid, strict=True)]
        first, last = _place(self.x[0]), _place(self.x[-1])
        ends = f"{first}{last:>{max(1, width - len(first))}}"
        keys = "   ".join(f"{mark} {name}" for mark, name in zip(MARKS, rows, strict=False))
        return "\n".join([self.y_label, *lines, f"{'':{edge}} +{'-' * width}", f"{'':{edge}}  {ends}",
                          f"{'':{edge}}  {self.x_label}{self._logarithmic()}", keys])  # fmt: skip

    def _logarithmic(self) -> str:
        return _LOGARITHMIC.in_language(self.language) if self.log else ""

    def svg(self) -> str:
        """The same as a drawing."""
        places, rows, low, high = self._shares()
        right, floor = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        keys, height = _keys(rows)
        parts = [f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>']
        lines = [(0.0, low), (1.0, high)] + ([(-low / (high - low), 0.0)] if low < 0 < high else [])
        for share, value in lines:
            y = floor - share * (floor - _TOP)
            parts.append(f'<path d="M{_LEFT},{y:.1f}H{right}" stroke="#dddddd"/>')
            parts.append(_written(_LEFT - 8, y + 4, number(value) or "0", "end"))
        for (name, shares), colour, dash in zip(rows.items(), PALETTE, DASHES, strict=False):
            points = [(_LEFT + a * (right - _LEFT), floor - b * (floor - _TOP)) for a, b in
                      zip(places, shares, strict=True)]  # fmt: skip
            style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
            parts.append(f'<path d="{_way(points, steps=self.bars)}" {style}><title>{escape(name)}</title></path>')
        for (name, (x, y)), colour in zip(keys.items(), PALETTE, strict=False):
            parts.append(f'<path d="M{x:.0f},{y - 4}h18" stroke="{colour}" stroke-width="3"/>')
            parts.append(_written(x + 23, y, name, "start"))
        scale = f"{_place(self.x[0])} … {_place(self.x[-1])}"
        parts.append(_written(right, floor + 18, f"{self.x_label} ({scale}{self._logarithmic()})", "end"))
        parts.append(_written(_LEFT, _TOP - 10, self.y_label, "start"))
        about = escape(_OVER.filled(y=self.y_label, x=self.x_label).in_language(self.language), quote=True)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{about}">'
        )
        return head + "".join(parts) + "</svg>\n"


def _keys(names: Iterable[str]) -> tuple[dict[str, tuple[float, float]], float]:
    """Where each curve's key stands below the drawing, one behind the other, and the height with all their rows."""
    found: dict[str, tuple[float, float]] = {}
    x, y = float(_LEFT), _HEIGHT + _ROW - 6.0
    for name in names:
        wide = 23 + 7 * cell_len(name) + 16
        if x > _LEFT and x + wide > _WIDTH:
            x, y = float(_LEFT), y + _ROW
        found[name] = x, y
        x += wide
    return found, y + 6


def _place(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else number(value)


def _at(share: float, places: Sequence[float], values: Sequence[float], *, steps: bool) -> float:
    """The value between two places, or at the one before."""
    after = next((i for i, place in enumerate(places) if place >= share - 1e-12), len(places) - 1)
    if after == 0:
        return values[0]
    before, wide = after - 1, places[after] - places[after - 1]
    part = (share - places[before]) / wide if wide else 1.0
    if steps:
        return values[after if part >= 1.0 - 1e-9 else before]
    return values[before] + part * (values[after] - values[before])


def _way(points: Sequence[tuple[float, float]], *, steps: bool) -> str:
    first, *others = points
    turn = "H{x:.1f}V{y:.1f}" if steps else "L{x:.1f},{y:.1f}"
    return f"M{first[0]:.1f},{first[1]:.1f}" + "".join(turn.format(x=x, y=y) for x, y in others)


def _written(x: float, y: float, text: str, anchor: str) -> str:
    style = f'font-family="sans-serif" font-size="12" fill="#333333" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
