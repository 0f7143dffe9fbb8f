"""What a picture costs: folded flow and autograd graphs and the page, against torchviz and dot on the same graph."""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.draw.autograd.autograd import autograd_dot, save_autograd, walk
from gradcheck_lm.draw.graph.graph import flow_dot, save_graph
from gradcheck_lm.draw.layout.layout import engines, picture
from gradcheck_lm.errors import LayoutError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.flow import Diagnosis, diagnose

SIZES = (500, 1_000, 2_000, 5_000)  # operations
LETTERS = 12  # in a line of the workload
PAGE_BOUND = 3_000_000  # bytes: what the page of the largest graph must stay under


class SoftReader(nn.Module):
    """A recogniser and a recurrent language model that reads its soft letters one by one, line by line, as a script of
    few lines would: every operation is small, so the graph is large and the computation is not."""

    def __init__(self, lines: int, *, letters: int = LETTERS, classes: int = 16, width: int = 8) -> None:
        super().__init__()
        self.images = torch.rand(lines, letters, 24, generator=torch.Generator().manual_seed(0))
        self.recogniser = nn.Sequential(nn.Linear(24, width), nn.Tanh(), nn.Linear(width, classes))
        self.embedding = nn.Parameter(torch.full((classes, width), 0.1))
        self.step = nn.RNNCell(width, width)
        self.out = nn.Linear(width, classes)

    def forward(self) -> Tensor:
        lines = self.recogniser(self.images).softmax(-1)
        return torch.stack([self.nats(line) for line in lines.unbind()]).mean()

    def nats(self, line: Tensor) -> Tensor:
        """What one line costs, summed over its letters."""
        state = torch.zeros(1, self.step.hidden_size)
        total = torch.zeros(())
        for letter in line.unbind():
            total = total - (letter * self.out(state).log_softmax(-1)).sum()
            state = self.step((letter @ self.embedding).unsqueeze(0), state)
        return total


def chain(operations: int) -> tuple[Tensor, nn.Parameter]:
    """A loss behind that many operations in a row."""
    weight = nn.Parameter(torch.ones(4))
    value = weight * 1.0
    for _ in range(operations - 2):
        value = value + 0.5
    return value.sum(), weight


def workload(operations: int) -> SoftReader:
    """A program of about that many differentiable operations, as the debugger counts them."""
    one, two = (_size(SoftReader(lines)) for lines in (1, 2))
    return SoftReader(max(1, round((operations - one) / (two - one)) + 1))


def _size(model: SoftReader) -> int:
    return len(_diagnosis(model).graph.nodes)


def _diagnosis(model: SoftReader) -> Diagnosis:
    return diagnose(model, wrt=model)


def run_pictures(
    out: str | Path,
    *,
    sizes: Sequence[int] = SIZES,
    repeats: int = 5,
    limit: float = 600.0,
    progress: Callable[[str], None],
) -> Path:
    """Measure each size; writes pictures.json and pictures.md. Gives the path of pictures.md.

    Args:
        sizes: operations in the graphs.
        repeats: of our pictures; torchviz with its layout is run once, for it takes minutes.
        limit: > 0, seconds that the layout of torchviz's picture may take.
    """
    out = Path(out)
    report: dict[str, Any] = {
        "engine": _engine(), "load": os.getloadavg()[0], "threads": torch.get_num_threads(),
        "torch": torch.__version__, "repeats": repeats, "limit": limit, "rows": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        for size in sizes:
            progress(f"{size:,} operations")
            report["rows"].append(measure(size, Path(scratch), repeats=repeats, limit=limit, progress=progress))
        progress(f"a chain of {max(sizes):,} operations")
        report["chain"] = measure_chain(max(sizes), Path(scratch), repeats=repeats)
    write_text_atomic(out / "pictures.json", json.dumps(report, indent=2) + "\n")
    return write_text_atomic(out / "pictures.md", page(report))


def measure(
    operations: int, scratch: Path, *, repeats: int, limit: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Seconds of each picture of one program, and what torchviz with its layout takes for the same graph."""
    model = workload(operations)
    began = time.perf_counter()
    diagnosis = _diagnosis(model)
    diagnosed = time.perf_counter() - began
    loss = model()
    params = dict(model.named_parameters())
    html = scratch / "report.html"
    row: dict[str, Any] = {
        "operations": len(diagnosis.graph.nodes),
        "autograd_nodes": len(walk({"loss": loss}, params=params)),
        "drawn": flow_dot(diagnosis).count("[id="),
        "autograd_drawn": _boxes(autograd_dot(loss, params=params)),
        "diagnose_seconds": diagnosed,
        "flow_seconds": _seconds(lambda: save_graph(diagnosis, scratch / "flow.svg"), repeats),
        "autograd_seconds": _seconds(lambda: save_autograd(loss, scratch / "autograd.svg", params=params), repeats),
        "page_seconds": _seconds(lambda: diagnosis.save(html), repeats),
        "page_bytes": html.stat().st_size,
        "flow_bytes": (scratch / "flow.svg").stat().st_size,
    }
    progress(f"{row['operations']:,} operations: torchviz and {_engine()}, at most {limit:g} s")
    row["torchviz"] = torchviz(loss, params, limit)
    if "total_seconds" in row["torchviz"]:
        total = row["torchviz"]["total_seconds"]
        row["ratio_flow"], row["ratio_autograd"] = total / row["flow_seconds"], total / row["autograd_seconds"]
    return row


def measure_chain(operations: int, scratch: Path, *, repeats: int) -> dict[str, Any]:
    """The same for operations in a row, which torchviz cannot walk."""
    loss, weight = chain(operations)
    params = {"weight": weight}
    return {
        "operations": operations,
        "autograd_seconds": _seconds(lambda: save_autograd(loss, scratch / "chain.svg", params=params), repeats),
        "drawn": _boxes(autograd_dot(loss, params=params)),
        "torchviz": torchviz(loss, params, 1.0),
    }


def torchviz(loss: Tensor, params: dict[str, nn.Parameter], limit: float) -> dict[str, Any]:
    """Seconds of make_dot and of the layout of its picture; `failed` says why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it compares versions with distutils
            from torchviz import make_dot

            began = time.perf_counter()
            source = make_dot(loss, params=params).source
            walked = time.perf_counter() - began
    except (ImportError, RecursionError) as error:
        return {"failed": f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"}
    began = time.perf_counter()
    try:
        drawn = picture(source, "svg", timeout=limit)
    except LayoutError:
        return {"make_dot_seconds": walked, "total_seconds": walked + limit, "at_least": True}
    seconds = time.perf_counter() - began
    return {"make_dot_seconds": walked, "total_seconds": walked + seconds, "at_least": False, "bytes": len(drawn)}


def _boxes(dot_text: str) -> int:
    return len(re.findall(r"^  \d+ \[label=", dot_text, re.MULTILINE))


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """Median, after a run that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _engine() -> str:
    found = engines()
    return found[0].name if found else "no layout engine"


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    limit = report["limit"]
    lines = [
        "# What a picture costs", "",
        "`python -m gradcheck_lm.bench pictures --out docs/results`", "",
        "A recogniser and a recurrent language model that reads its soft letters one by one. Ours: the folded picture "
        f"from a finished diagnosis to the SVG file, with its layout by {report['engine']}, the median of "
        f"{report['repeats']} runs. torchviz: `make_dot` and the same engine's layout of the whole graph, one run of "
        f"at most {limit:g} s. torch {report['torch']} on {report['threads']} thread(s), load {report['load']:.1f} at "
        "the start.", "",
        "The ratio is what folding saves: ours lays out the boxes named in brackets, torchviz' picture has a box for "
        "every node, and the layout's time grows faster than its size.", "",
        "| operations | autograd nodes | flow picture, s | autograd picture, s | torchviz + layout, s | ratio to flow "
        "| ratio to autograd | page, s | page, MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in report["rows"]:
        theirs = row["torchviz"]
        more = "> " if theirs.get("at_least") else ""
        total = f"{more}{theirs['total_seconds']:.1f}" if "total_seconds" in theirs else theirs["failed"]
        flow, autograd = (f"{more}{row[name]:,.0f}" if name in row else "" for name in ("ratio_flow", "ratio_autograd"))
        cells = [
            f"{row['operations']:,}", f"{row['autograd_nodes']:,}", f"{row['flow_seconds']:.2f} ({row['drawn']})",
            f"{row['autograd_seconds']:.2f} ({row['autograd_drawn']})", total, flow, autograd,
            f"{row['page_seconds']:.2f}", f"{row['page_bytes'] / 1e6:.2f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    largest = report["rows"][-1]
    one = report["chain"]
    theirs = one["torchviz"].get("failed") or f"{one['torchviz']['total_seconds']:.1f} s"
    lines += [
        "",
        f"{one['operations']:,} operations in a row: our autograd picture {one['autograd_seconds']:.2f} s, folded into "
        f"{one['drawn']} boxes with a note; torchviz: {theirs}.",
        "",
        f"The diagnosis itself, which the pictures are drawn from, takes {largest['diagnose_seconds']:.1f} s at "
        f"{largest['operations']:,} operations.",
        "",
        f"The page's bound is {PAGE_BOUND / 1e6:.0f} MB, and a test holds it.",
    ]
    return "\n".join(lines) + "\n"
