"""Points with names and intervals, by matplotlib: what something is worth against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.draw.plots.curves import PALETTE
from gradcheck_lm.draw.plots.plotting import label, new_figure, one_legend, plain_grid, save_figure

_MARKERS = "os^Dv<>PX*hp"


@dataclass(frozen=True)
class Point:
    """A named point; `low` and `high` bound its y, where known."""

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Scatter:
    """One set of axes. `level` draws a horizontal line, with its name."""

    title: str
    x_label: str
    y_label: str
    points: Sequence[Point]
    log_x: bool = False
    log_y: bool = False
    level: tuple[str, float] | None = None


def save_scatter(path: str | Path, panels: Sequence[Scatter], *, dpi: int = 130) -> Path:
    """Draw panels side by side into .png, .svg or .pdf; a name has the same colour and shape in all of them.

    Raises:
        ArgumentError: no panels, or an ending that matplotlib does not know.
        MissingPackageError: matplotlib is not installed.
    """
    figure = new_figure(path, len(panels), (5.2 * len(panels), 4.6))
    names = list(dict.fromkeys(point.name for panel in panels for point in panel.points))
    for panel, axis in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        for point in panel.points:
            index = names.index(point.name)
            below = 0.0 if point.low is None else max(0.0, point.y - point.low)
            above = 0.0 if point.high is None else max(0.0, point.high - point.y)
            axis.errorbar(
                point.x, point.y, yerr=[[below], [above]], label=label(point.name), capsize=2, linestyle="none",
                color=PALETTE[index % len(PALETTE)], marker=_MARKERS[index % len(_MARKERS)], markersize=7,
            )  # fmt: skip
        if panel.level is not None:
            axis.axhline(panel.level[1], color="#8c8c8c", linewidth=1, linestyle="--")
            axis.annotate(
                label(panel.level[0]), (0.01, panel.level[1]), xycoords=("axes fraction", "data"),
                va="bottom", fontsize=8, color="#606060",
            )  # fmt: skip
        axis.set_xscale("log" if panel.log_x else "linear")
        axis.set_yscale("log" if panel.log_y else "linear")
        axis.set_title(label(panel.title), fontsize=11, loc="left")
        axis.set_xlabel(label(panel.x_label))
        axis.set_ylabel(label(panel.y_label))
        plain_grid(axis)
    one_legend(figure, "lower center", 4)
    return save_figure(figure, path, dpi)
