"""A panel of curves as SVG text for the page: colours come from its style sheet, so light and dark both work."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from html import escape

from gradcheck_lm.draw.japanese import heading_ja
from gradcheck_lm.draw.numbers import number
from gradcheck_lm.draw.plots.curves import DASHES, PALETTE, Panel, Series

_WIDTH, _HEIGHT = 460, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 44
_LABEL, _LABEL_LINE = 34, 15  # characters in a line of the vertical label, and its height
_MOST_POINTS = 240  # in one line: more cannot be seen at this size and would make the page heavy


def chart_svg(panel: Panel, names: Sequence[str] | None = None, *, alike: Sequence[Panel] = ()) -> str:
    """The curves of a panel as an SVG element with axes, intervals and hover texts; "" where no value is finite.

    Args:
        panel: what to draw.
        names: all series of the page in order, so that an arm has the same colour in every chart.
        alike: panels with whose axes it is to be compared: all of them get the same ones.
    """
    names = list(names or panel.series)
    lines = {name: _finite(series) for name, series in panel.series.items()}
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return ""
    shared = [point for other in alike for series in other.series.values() for point in _finite(series)]
    shared += [point for points in lines.values() for point in points]
    xs = [point[0] for point in shared]
    ys = [value for point in shared for value in point[1:]]
    log = panel.log_y and max(ys) > 0
    if panel.log_y and not log:
        ys.append(1.0)  # norms that are all 0 lie on the floor, not in the middle of negative ones
    said = textwrap.wrap(panel.y_label, _LABEL) or [""]
    left = _LEFT + _LABEL_LINE * (len(said) - 1)
    whole = all(x == int(x) for x in xs)
    horizontal = _Axis(min(xs), max(xs), left, _WIDTH - _RIGHT, log=panel.log_x and min(xs) > 0, whole=whole)
    lowest = min(y for y in ys if y > 0 or not log)
    vertical = _Axis(lowest, max(ys), _HEIGHT - _BOTTOM, _TOP, margin=0.05, log=log, zero=log and min(ys) <= 0)
    parts = [*_frame(horizontal, vertical, panel, said)]
    for name, points in lines.items():
        parts += _curve(points, horizontal, vertical, names.index(name) % len(PALETTE), name)
    label = escape(f"{panel.title}: {panel.y_label} over {panel.x_label}", quote=True)
    return f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(parts)}</svg>'


class _Axis:
    """Values to pixels, with round ticks; `margin` is a share of the range left free at both ends.

    On a logarithmic axis 0 gets the lowest line where `zero` asks for it; `whole` numbers have no ticks between them.
    """

    def __init__(
        self,
        low: float,
        high: float,
        start: float,
        end: float,
        *,
        margin: float = 0.0,
        log: bool = False,
        zero: bool = False,
        whole: bool = False,
    ) -> None:
        self.whole = whole
        self.log, self.start, self.end = log, start, end
        if log:
            low, high = math.log10(low), math.log10(high)
        if high - low < 1e-12 * max(1.0, abs(high)):
            low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
        span = high - low
        self.low, self.high = low - (0.25 if zero else margin) * span, high + margin * span
        self.ticks = list(self._log_ticks(low) if log else self._linear_ticks()) + ([0.0] if zero else [])

    def place(self, value: float) -> float:
        if self.log and value <= 0:
            return self.start
        at = math.log10(value) if self.log else value
        return self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)

    def _linear_ticks(self) -> Iterable[float]:
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
        if self.whole:  # there is no step 2.5
            step = max(1, math.ceil(step))
        first = math.ceil(self.low / step)
        return (i * step for i in range(first, math.floor(self.high / step) + 1))

    def _log_ticks(self, low: float) -> Iterable[float]:
        powers = range(math.ceil(low), math.floor(self.high) + 1)
        if len(powers) >= 2:
            return (10.0**power for power in powers[:: max(1, len(powers) // 5)])
        decades = range(math.floor(low), math.ceil(self.high))
        candidates = (factor * 10.0**power for power in decades for factor in (1, 2, 5))
        return (value for value in candidates if low <= math.log10(value) <= self.high)


def _finite(series: Series) -> list[tuple[float, float, float, float]]:
    lower = series.ys if series.lower is None else series.lower
    upper = series.ys if series.upper is None else series.upper
    points = [tuple(float(value) for value in row) for row in zip(series.xs, series.ys, lower, upper, strict=True)]
    kept = [row for row in points if all(map(math.isfinite, row))]
    if len(kept) > _MOST_POINTS:
        step = (len(kept) - 1) / (_MOST_POINTS - 1)
        kept = [kept[round(i * step)] for i in range(_MOST_POINTS)]
    return [(row[0], row[1], row[2], row[3]) for row in kept]


def _frame(horizontal: _Axis, vertical: _Axis, panel: Panel, said: Sequence[str]) -> Iterable[str]:
    bottom, left = _HEIGHT - _BOTTOM, horizontal.start
    for tick in vertical.ticks:
        y = vertical.place(tick)
        yield f'<line class="grid" x1="{left:g}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{left - 7:g}" y="{y + 4:.1f}" text-anchor="end">{_tick(tick)}</text>'
    for tick in horizontal.ticks:
        x = horizontal.place(tick)
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{_tick(tick)}</text>'
    yield f'<path class="axis" fill="none" d="M{left:g} {_TOP}V{bottom}H{_WIDTH - _RIGHT}"/>'
    middle = (left + _WIDTH - _RIGHT) / 2
    yield from _label(panel.x_label, [panel.x_label], lambda _: f'x="{middle:g}" y="{_HEIGHT - 8}"')
    height = (_TOP + bottom) / 2
    yield from _label(
        panel.y_label, said, lambda line: f'transform="translate({13 + _LABEL_LINE * line} {height}) rotate(-90)"'
    )


def _label(text: str, lines: Sequence[str], place: Callable[[int], str]) -> Iterable[str]:
    """An axis' label, in each language where they differ: the page shows one of them."""
    japanese = heading_ja(text)
    tongues = [("", lines)] if japanese == text else [(' lang="en"', lines), (' lang="ja"', [japanese])]
    for tongue, parts in tongues:
        for index, part in enumerate(parts):
            yield f'<text class="label" {place(index)} text-anchor="middle"{tongue}>{escape(part)}</text>'


def _curve(
    points: Sequence[tuple[float, float, float, float]], horizontal: _Axis, vertical: _Axis, index: int, name: str
) -> Iterable[str]:
    over = [(horizontal.place(x), vertical.place(high)) for x, _, _, high in points]
    under = [(horizontal.place(x), vertical.place(low)) for x, _, low, _ in reversed(points)]
    if any(low != high for _, _, low, high in points):
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in over + under)
        yield f'<polygon class="band s{index}" points="{outline}"/>'
    line = " ".join(f"{horizontal.place(x):.1f},{vertical.place(y):.1f}" for x, y, _, _ in points)
    dashes = f' stroke-dasharray="{DASHES[index]}"' if DASHES[index] else ""
    title = f"<title>{escape(name)}</title>"
    yield f'<polyline class="line s{index}" fill="none" points="{line}"{dashes}>{title}</polyline>'
    if len(points) <= 40:
        for x, y, low, high in points:
            interval = f" [{number(low)}, {number(high)}]" if low != high else ""
            text = escape(f"{name}: {number(y)}{interval} at {x:g}")
            place = f'cx="{horizontal.place(x):.1f}" cy="{vertical.place(y):.1f}"'
            yield f'<circle class="dot s{index}" {place} r="2.8"><title>{text}</title></circle>'


def _tick(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.6g}"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
