"""Lines cut out of the pictures of pages: decoded when a line is asked for, and kept for the page's next line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.images import Pixels, read_image

SLIVER = 8.0  # pixels; a line that is thinner on average holds no writing that anyone could read
_DRAWN = 4_000_000  # pixels of an outline's box; a newspaper's line has one million
Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Crop:
    """A part of a page's picture; calling it reads it.

    Args:
        page: the picture's file.
        box: left, top, right, bottom in pixels, within the picture.
        polygon: (x, y) corners in the picture's pixels; what lies outside becomes paper. Empty: the whole box.
        name: for messages.
    """

    page: Path
    box: tuple[int, int, int, int]
    polygon: Polygon = ()
    name: str = ""

    def __call__(self) -> Pixels:
        """(H, W) uint8, paper light and ink dark."""
        left, top, right, bottom = self.box
        pixels = _page(str(self.page), self.page.stat().st_mtime_ns if self.page.exists() else 0)
        cut = pixels[top:bottom, left:right]
        if not cut.size:
            raise DataError(f"{self.name}: the line lies outside {self.page}, whose picture has changed since")
        if not self.polygon:
            return cut.copy()
        mask = _mask(self.polygon, self.box)[: cut.shape[0], : cut.shape[1]]
        paper = int(np.median(cut[mask])) if mask.any() else 255  # most of a line is paper
        return np.where(mask, cut, np.uint8(paper)).astype(np.uint8)


def fit(polygon: Sequence[tuple[float, float]], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of whole pixels around a polygon, within a picture of (height, width)."""
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    left, top = max(0, int(min(xs))), max(0, int(min(ys)))
    return left, top, min(size[1], int(max(xs)) + 1), min(size[0], int(max(ys)) + 1)


def thickness(polygon: Sequence[tuple[float, float]], box: tuple[int, int, int, int]) -> float:
    """A polygon's area within its box over the box's longer side, in pixels: how thick a line is on average."""
    width, height = box[2] - box[0], box[3] - box[1]
    if width <= 0 or height <= 0:
        return 0.0
    # the area by pixels: the formula by corners cancels where an outline crosses itself. An outline around a whole page
    # is drawn smaller: to draw takes corners times rows
    scale = min(1.0, (_DRAWN / (width * height)) ** 0.5)
    small = tuple(((x - box[0]) * scale, (y - box[1]) * scale) for x, y in polygon) if scale < 1 else tuple(polygon)
    drawn = (0, 0, max(1, int(width * scale)), max(1, int(height * scale))) if scale < 1 else box
    return float(_mask(small, drawn).sum()) / scale**2 / max(width, height)


def _mask(polygon: Polygon, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    canvas = Image.new("1", (right - left, bottom - top))
    ImageDraw.Draw(canvas).polygon([(x - left, y - top) for x, y in polygon], fill=1, outline=0)
    return np.asarray(canvas, dtype=bool)


@lru_cache(maxsize=4)  # a page of 50 million pixels has 50 MB; lines mostly come page by page
def _page(path: str, changed: int) -> Pixels:
    return read_image(path)
