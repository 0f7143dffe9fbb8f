"""What plots by matplotlib share: a figure of their own, labels, one legend for all axes, and how they are saved."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from gradcheck_lm.draw.lettering import ascii_fallback
from gradcheck_lm.errors import ArgumentError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import write_bytes_atomic

# without a date and a version the same numbers give the same file
_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def new_figure(path: str | Path, panels: int, size: tuple[float, float], **settings: Any) -> Any:
    """A figure of `size` inches for a number of panels, that `save_figure` will write to `path`.

    Raises:
        ArgumentError: no panels, or an ending that is none of .png, .svg, .pdf.
        MissingPackageError: matplotlib is not installed.
    """
    path = Path(path)
    if not panels:
        raise ArgumentError(f"there are no panels to draw into {path.name!r}; pass at least one")
    if _kind(path) not in _METADATA:
        raise ArgumentError(f"cannot draw plots into {path.name!r}: its ending is none of .png, .svg, .pdf")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(f"plots need matplotlib; type: {install_line('draw')}") from error
    # of its own, without pyplot: no global state, no window, no backend chosen for the caller
    figure = Figure(figsize=size, layout="constrained", **settings)
    FigureCanvasAgg(figure)
    return figure


def one_legend(figure: Any, place: str, columns: int) -> None:
    """One legend for the series of all axes, outside of them; a name that stands in several is there once."""
    handles = {
        text: handle for axis in figure.axes for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if handles:
        ncols = min(columns, len(handles))
        figure.legend(handles.values(), handles.keys(), loc=f"outside {place}", ncols=ncols, frameon=False)


def save_figure(figure: Any, path: str | Path, dpi: int) -> Path:
    """Write a figure in one step; `dpi` is dots per inch of a PNG."""
    path, stream = Path(path), io.BytesIO()
    figure.savefig(stream, format=_kind(path), dpi=dpi, metadata=_METADATA[_kind(path)])
    return write_bytes_atomic(path, stream.getvalue())


def plain_grid(axis: Any, direction: str = "both", hidden: tuple[str, ...] = ("top", "right")) -> None:
    """A pale grid behind what is drawn, and no frame where it says nothing."""
    axis.grid(True, axis=direction, color="#e3e3e3", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[list(hidden)].set_visible(False)


def label(text: str) -> str:
    """`text` as matplotlib shows it as it is: $...$ is mathematics to it, a leading underscore means "no legend"."""
    safe = ascii_fallback(text).replace("$", r"\$")  # and its font has no Japanese
    return f" {safe}" if safe.startswith("_") else safe


def _kind(path: Path) -> str:
    return path.suffix.lower().lstrip(".")
