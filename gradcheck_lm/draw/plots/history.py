"""What a watch has seen over the steps, as one chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from gradcheck_lm.draw.plots.charts import chart_svg
from gradcheck_lm.draw.plots.curves import DASHES, PALETTE, Panel, Series, save_curves
from gradcheck_lm.files import write_text_atomic

_MOST = len(PALETTE)


def draw(rows: Sequence[Mapping[str, float | None]], columns: Sequence[str], path: str | Path | None) -> str | Path:
    """Columns of a table over its column `step`.

    Args:
        rows: each has `step` and the columns; None and NaN leave a gap.
        columns: at most eight are drawn: there are no more colours that can be told apart.
        path: a file for matplotlib; None for SVG text with its own colours, light and dark.
    Returns:
        The path, or the SVG text.
    """
    series = {}
    for name in columns[:_MOST]:
        points = [(float(row["step"] or 0), float(row[name] or 0.0)) for row in rows if row.get(name) is not None]
        points = [(step, value) for step, value in points if math.isfinite(value)]
        if points:
            series[name] = Series([step for step, _ in points], [value for _, value in points])
    left_out = f" (first {_MOST} of {len(columns)})" if len(columns) > _MOST else ""
    panel = Panel(f"gradients over the training{left_out}", "step", "L2 norm", series, log_y=_spreads(series))
    if path is None:
        return standing(chart_svg(panel), list(series))
    path = Path(path)
    try:
        return save_curves(path, [panel])
    except ImportError:
        if path.suffix != ".svg":
            raise
        return write_text_atomic(path, standing(chart_svg(panel), list(series)))


def _spreads(series: Mapping[str, Series]) -> bool:
    values = [value for one in series.values() for value in one.ys if value > 0]
    return bool(values) and max(values) > 30 * min(values)


def standing(svg: str, names: Sequence[str]) -> str:
    """A chart of the page with the style and the legend that the page would give it, so that it stands alone."""
    if not svg:
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="460" height="20"><text y="14">no finite value</text></svg>'
        )
    rules = "".join(
        f".s{i}{{stroke:{colour}}} .dot.s{i}{{fill:{colour}}} .band.s{i}{{fill:{colour};stroke:none;opacity:.14}} "
        f".key.s{i}{{fill:{colour};stroke:none}} "
        for i, colour in enumerate(PALETTE)
    )
    # black is the fifth colour of the palette: on a dark ground it is white
    style = (
        "<style>svg.chart{font:12px sans-serif;color:#333;max-width:100%;height:auto} .chart text{fill:currentColor} "
        ".chart .grid{stroke:currentColor;opacity:.15} .chart .axis{stroke:currentColor} "
        ".chart .line{stroke-width:1.8} .chart [lang=ja]{display:none} "
        f"{rules}@media (prefers-color-scheme:dark){{svg.chart{{color:#ddd}} .s4{{stroke:#fff}} .key.s4{{fill:#fff}}}} "
        'html[theme=dark] svg.chart,body[data-jp-theme-light="false"] svg.chart{color:#ddd} '
        'body[data-jp-theme-light="true"] svg.chart{color:#333}</style>'
    )
    width, height = 460, 290
    legend = "".join(
        f'<g transform="translate({62 + 200 * (i % 2)},{height + 8 + 18 * (i // 2)})">'
        f'<line class="line s{i}" x2="22" y1="-4" y2="-4"'
        f"{f' stroke-dasharray={chr(34)}{DASHES[i]}{chr(34)}' if DASHES[i] else ''}/>"
        f'<text x="28">{escape(name if len(name) <= 26 else "…" + name[-25:])}</text></g>'
        for i, name in enumerate(names)
    )
    tall = height + 8 + 18 * ((len(names) + 1) // 2)
    head, _, body = svg.partition(">")
    head = head.replace(
        f'viewBox="0 0 {width} {height}"', f'viewBox="0 0 {width} {tall}" width="{width}" height="{tall}"'
    )
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return f"{head}>{style}{body.removesuffix('</svg>')}{legend}</svg>"
