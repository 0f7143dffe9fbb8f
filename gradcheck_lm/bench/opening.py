"""What it costs to open data sets of growing size: time and memory a line, and what a training batch then holds."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr import Charset, Line, build_crnn, open_lines, write_labels_tsv
from gradcheck_lm.lab.lines.data import LineData

SIZES = (1000, 2000, 4000, 8000)
_LINES_A_PAGE = 25


def run_opening(
    out: str | Path, *, sizes: tuple[int, ...] = SIZES, progress: Callable[[str], None] = lambda message: None
) -> Path:
    """Make data sets of each form and size, open them, and write opening.json and opening.md into `out`."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        papers = [Line(np.full(size, 230, np.uint8), "paper") for size in ((64, 400), (2000, 1400))]
        write_labels_tsv(papers, Path(scratch, "papers"))
        picture, page = (Path(scratch, "papers", f"{index:05d}.png") for index in range(2))
        for name, make in (("labels.tsv", _labels), ("IAM", _iam), ("PAGE-XML", _pages)):
            for size in sizes:
                folder = Path(scratch, f"{name}-{size}")
                make(folder, size, page if make is _pages else picture)
                rows.append({"form": name, **measure(folder)})
                progress(f"{name}, {size} lines: {rows[-1]['microseconds']:.0f} us a line")
    found = {"machine": platform.machine(), "python": platform.python_version(), "rows": rows}
    write_text_atomic(Path(out) / "opening.json", json.dumps(found, indent=2) + "\n")
    return write_text_atomic(Path(out) / "opening.md", _page_of(rows))


def measure(folder: Path) -> dict[str, Any]:
    """Processor time and memory of opening a folder, and the memory of batches that are read when they are taken."""
    open_lines(folder)  # what is imported and cached at the first call is not asked about
    start = time.process_time()
    lines = open_lines(folder)
    seconds = time.process_time() - start
    del lines
    tracemalloc.start()
    lines = open_lines(folder)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    data = LineData(lines, build_crnn("small").config, Charset.standard(), kept=0)
    for step in range(2):
        data.batch(step, 16, seed=0)  # the page cache is filled
    tracemalloc.start()
    data.batch(2, 16, seed=0)
    batch_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "lines": len(lines),
        "microseconds": 1e6 * seconds / len(lines),
        "held_bytes": held / len(lines),
        "peak_bytes": peak / len(lines),
        "batch_peak_bytes": batch_peak,
    }


def _labels(folder: Path, count: int, picture: Path) -> None:
    folder.mkdir()
    for index in range(count):
        os.link(picture, folder / f"{index}.png")
    write_text_atomic(folder / "labels.tsv", "".join(f"{i}.png\ta line of text, number {i}\n" for i in range(count)))


def _iam(folder: Path, count: int, picture: Path) -> None:
    rows = []
    for index in range(count):
        form = f"a{index // 1000:02d}-{index // 10 % 100:03d}"
        name = f"{form}-{index % 10:02d}"
        shelf = folder / "lines" / name[:3] / form
        shelf.mkdir(parents=True, exist_ok=True)
        if not (shelf / f"{name}.png").exists():
            os.link(picture, shelf / f"{name}.png")
        rows.append(f"{name} ok 154 19 408 746 1661 89 A|line|of|text|,|number|{index}\n")
    write_text_atomic(folder / "ascii" / "lines.txt", "".join(rows))


def _pages(folder: Path, count: int, picture: Path) -> None:
    folder.mkdir()
    for index in range(-(-count // _LINES_A_PAGE)):
        os.link(picture, folder / f"{index}.png")
        lines = "".join(
            f'<TextLine id="l{n}"><Coords points="50,{75 * n + 20} 700,{75 * n + 10} 1300,{75 * n + 20} '
            f'1300,{75 * n + 80} 50,{75 * n + 80}"/><TextEquiv><Unicode>line {n}</Unicode></TextEquiv></TextLine>'
            for n in range(_LINES_A_PAGE)
        )
        write_text_atomic(
            folder / f"{index}.xml",
            '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
            f'<Page imageFilename="{index}.png" imageWidth="1400" imageHeight="2000"><TextRegion id="r">{lines}'
            "</TextRegion></Page></PcGts>",
        )


def _page_of(rows: list[dict[str, Any]]) -> str:
    table = "\n".join(
        f"| {row['form']} | {row['lines']} | {row['microseconds']:.0f} | {row['held_bytes']:.0f} | "
        f"{row['peak_bytes']:.0f} | {row['batch_peak_bytes'] / 1e6:.1f} |"
        for row in rows
    )
    return f"""# Opening data sets of growing size

`python -m gradcheck_lm.bench opening --out docs/results`, one process. Pictures of 64 x 400 pixels, pages of 1400 x
2000 with {_LINES_A_PAGE} lines. Per line, time and memory do not grow with the number of lines; a batch of 16 lines
that is read when it is taken needs the same memory from a large set as from a small one. Its memory counts Python's and
NumPy's, not torch's own.

| form | lines | microseconds a line to open | bytes a line held | at the peak | MB at the peak of a batch |
|---|---|---|---|---|---|
{table}
"""
