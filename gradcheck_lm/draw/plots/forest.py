"""Forest plots: effects with their intervals around a line of no effect, one row an arm, by matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_lm.draw.plots.curves import PALETTE
from gradcheck_lm.draw.plots.plotting import label, new_figure, one_legend, plain_grid, save_figure

_MARKERS = "os^Dv"
_GREY = "#606060"
TITLE = 36  # characters: longer titles are broken into lines
WIDTH = 12.0  # inches: 1200 pixels at 100 dots per inch


@dataclass(frozen=True)
class Effect:
    """An effect and, where known, the interval around it, in the units of its panel's axis."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ForestRow:
    """One row: its name, and effects by series. A `faint` row is written in grey."""

    name: str
    effects: Mapping[str, Effect]
    faint: bool = False


@dataclass(frozen=True)
class Forest:
    """One set of axes; what lies beyond `limits` is drawn as an arrow at the border, with its number."""

    title: str
    x_label: str
    rows: Sequence[ForestRow]
    limits: tuple[float, float]


def save_forest(path: str | Path, panels: Sequence[Forest], *, columns: int = 2, dpi: int = 100) -> Path:
    """Draw panels of forest plots into .png, .svg or .pdf.

    Args:
        path: the file to write.
        panels: at least one; a series has the same colour and shape in all of them.
        columns: panels side by side.
        dpi: dots per inch of a PNG; 12 inches wide.
    Returns:
        The path written.
    Raises:
        ArgumentError: no panels, or an ending that is none of these.
        MissingPackageError: matplotlib is not installed.
    """
    columns = min(columns, max(1, len(panels)))
    lines = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [0.9 + 0.27 * max(len(panel.rows) for panel in line) for line in lines]
    figure = new_figure(path, len(panels), (WIDTH, sum(heights) + 0.5), facecolor="white")
    axes = figure.subplots(len(lines), columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    series = list(dict.fromkeys(name for panel in panels for row in panel.rows for name in row.effects))
    for panel, axis in zip(panels, axes.ravel(), strict=False):
        _draw(axis, panel, series)
    for axis in axes.ravel()[len(panels) :]:
        axis.set_axis_off()
    one_legend(figure, "upper left", len(series))
    return save_figure(figure, path, dpi)


def _draw(axis: Any, panel: Forest, series: Sequence[str]) -> None:
    left, right = panel.limits
    axis.set_xlim(left, right)
    axis.axvline(0, color="#000000", linewidth=0.9)
    for position, row in enumerate(panel.rows):
        if position % 2:
            axis.axhspan(position - 0.5, position + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
        for name, effect in row.effects.items():
            index = series.index(name)
            shift = (index - (len(series) - 1) / 2) * 0.34
            _draw_effect(axis, effect, position + shift, panel.limits, name, index)
    axis.set_ylim(len(panel.rows) - 0.5, -0.5)
    axis.set_yticks(range(len(panel.rows)), [label(row.name) for row in panel.rows], fontsize=9)
    for tick, row in zip(axis.get_yticklabels(), panel.rows, strict=True):
        tick.set_color(_GREY if row.faint else "#000000")
    axis.set_title(label(textwrap.fill(panel.title, TITLE)), fontsize=10.5, loc="left")
    axis.set_xlabel(label(panel.x_label), fontsize=9)
    axis.tick_params(axis="x", labelsize=9)
    axis.tick_params(axis="y", length=0)
    plain_grid(axis, "x", ("top", "right", "left"))


def _draw_effect(axis: Any, effect: Effect, y: float, limits: tuple[float, float], name: str, index: int) -> None:
    left, right = limits
    colour, marker = PALETTE[index % len(PALETTE)], _MARKERS[index % len(_MARKERS)]
    if left <= effect.value <= right and effect.low is not None and effect.high is not None:
        ends = max(left, effect.low), min(right, effect.high)
        if ends[0] <= ends[1]:
            axis.hlines(y, *ends, color=colour, linewidth=1.4)
        for beyond, border, arrow in ((effect.low < left, left, "<"), (effect.high > right, right, ">")):
            if beyond:
                axis.plot(border, y, color=colour, marker=arrow, markersize=4, clip_on=False, linestyle="none")
    if left <= effect.value <= right:
        axis.plot(effect.value, y, color=colour, marker=marker, markersize=5, linestyle="none", label=label(name))
        return
    border, side, shift = (left, "left", 6) if effect.value < left else (right, "right", -6)
    axis.plot(border, y, color=colour, marker=marker, markersize=5, linestyle="none", clip_on=False)
    axis.annotate(
        f"{effect.value:+.0f}", (border, y), xytext=(shift, 0), textcoords="offset points",
        ha=side, va="center", fontsize=7.5, color=colour,
    )  # fmt: skip
