"""Curves with intervals: as a picture by matplotlib, and as SVG text for the page, which needs nothing installed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from gradcheck_lm.draw.plots.plotting import label, new_figure, one_legend, plain_grid, save_figure
from gradcheck_lm.errors import ArgumentError

# Okabe and Ito's colours, told apart by every kind of colour vision; line styles tell them apart in grey print
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9", "#8c8c8c")
DASHES = ("", "6 3", "2 2", "8 3 2 3", "", "6 3", "2 2", "8 3 2 3")


@dataclass(frozen=True)
class Series:
    """One line of a panel; `lower` and `upper` bound an interval around it, where known."""

    xs: Sequence[float]
    ys: Sequence[float]
    lower: Sequence[float] | None = None
    upper: Sequence[float] | None = None

    def __post_init__(self) -> None:
        sizes = {len(part) for part in (self.xs, self.ys, self.lower, self.upper) if part is not None}
        if len(sizes) != 1:
            counts = [None if part is None else len(part) for part in (self.xs, self.ys, self.lower, self.upper)]
            raise ArgumentError(f"a series needs as many xs as ys, lower and upper bounds; it has {counts}")
        if (self.lower is None) != (self.upper is None):
            raise ArgumentError("a series with an interval needs both lower and upper bounds")


@dataclass(frozen=True)
class Panel:
    """One set of axes. With `log_y` a value of exactly 0 stands on the lowest line: a dead term must be seen. `log_x`
    is for values above 0."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Series] = field(default_factory=dict)
    log_y: bool = False
    log_x: bool = False


def save_curves(path: str | Path, panels: Sequence[Panel], *, dpi: int = 130, own_legends: bool = False) -> Path:
    """Draw panels side by side into .png, .svg or .pdf.

    Args:
        path: the file to write; matplotlib knows its ending.
        panels: at least one; at most three stand in a row.
        dpi: dots per inch of a PNG.
        own_legends: each panel has its own legend and colours: for panels with other series in each. Otherwise one
            legend stands below all, and a name has the same colour everywhere.
    Returns:
        The path written.
    Raises:
        ArgumentError: no panels, or an ending that matplotlib does not know.
        MissingPackageError: matplotlib is not installed.
    """
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / max(1, columns))
    figure = new_figure(path, len(panels), (4.6 * columns, 3.6 * rows + 0.3))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    for panel, axis in zip(panels, axes, strict=False):
        _draw_panel(axis, panel, list(panel.series) if own_legends else names)
        if own_legends and panel.series:
            axis.legend(fontsize=8, frameon=False)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if not own_legends:
        one_legend(figure, "lower center", 6)
    return save_figure(figure, path, dpi)


def _draw_panel(axis: Any, panel: Panel, names: Sequence[str]) -> None:
    for name, series in panel.series.items():
        index = names.index(name)
        colour = PALETTE[index % len(PALETTE)]
        dashes = [float(part) / 1.8 for part in DASHES[index % len(DASHES)].split()]
        style = (0, tuple(dashes)) if dashes else "-"
        marker = {"marker": "o", "markersize": 3.5} if len(series.xs) <= 12 else {}
        axis.plot(series.xs, series.ys, color=colour, linestyle=style, linewidth=1.8, label=label(name), **marker)
        if series.lower is not None and series.upper is not None:
            axis.fill_between(series.xs, series.lower, series.upper, color=colour, alpha=0.14, linewidth=0)
    positive = [y for series in panel.series.values() for y in series.ys if y > 0]
    if panel.log_y and positive:
        axis.set_yscale("symlog", linthresh=min(positive))  # below the smallest value, straight down to 0
    if not panel.log_x and all(x == int(x) for series in panel.series.values() for x in series.xs):
        axis.xaxis.get_major_locator().set_params(integer=True)  # there is no step 2.5
    if panel.log_x:
        _set_log_x(axis, panel, all_positive=len(positive) == sum(len(series.ys) for series in panel.series.values()))
    axis.set_title(label(panel.title), fontsize=11, loc="left")
    axis.set_xlabel(label(panel.x_label))
    axis.set_ylabel(label(panel.y_label))
    plain_grid(axis)


def _set_log_x(axis: Any, panel: Panel, *, all_positive: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_xscale("log")
    measured = sorted({x for series in panel.series.values() for x in series.xs})
    if len(measured) <= 8:  # the sizes that were measured, and no others; of close ones the first is named
        apart, ticks = (measured[-1] / measured[0]) ** 0.1, measured[:1]
        ticks += [x for before, x in pairwise(measured) if x >= apart * before and x >= apart * ticks[-1]]
        axis.set_xticks(ticks, [_short(x) for x in ticks], fontsize=8)
        axis.xaxis.set_minor_locator(NullLocator())
    if panel.log_y and all_positive:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        axis.yaxis.set_minor_locator(NullLocator())
        low, high = axis.get_ylim()
        if high < 10 * low:  # a slope can be read off a decade; noise on less would look like one
            middle = math.sqrt(low * high)
            axis.set_ylim(middle / math.sqrt(10), middle * math.sqrt(10))


def _short(number: float) -> str:
    """2048, 64 k, 100 M."""
    if number >= 1e6:
        return f"{number / 1e6:.3g} M"
    return f"{number / 1e3:.3g} k" if number >= 1e4 or (number and number % 1000 == 0) else f"{number:g}"
