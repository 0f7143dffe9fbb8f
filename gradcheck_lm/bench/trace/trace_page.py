"""The page of the benchmark `trace`."""

from __future__ import annotations

from typing import Any


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [
        "# What watching costs", "",
        f"`OMP_NUM_THREADS={report['threads']} {report['command']}`", "",
        f"On {report['device']}, load {report['load']:.1f} at the start; milliseconds "
        "are CPU time of the process, which neighbours disturb less than the clock. One training step (forward, "
        "backward, optimizer), all conditions once a round in random order; the ratio is the median step over the "
        "median plain step, in brackets the quartiles of the ratio within a round.",
    ]  # fmt: skip
    for size in report["sizes"]:
        lines += ["", f"## {size['name']}: {size['parameters']:,} parameters", "", "| | ms | ratio | rounds |"]
        lines += ["|---|---|---|---|"]
        for name, row in size["rows"].items():
            if "skipped" in row:
                lines.append(f"| {name} | | not measured: {row['skipped']} | |")
                continue
            spread = row.get("ratio_quartiles")
            ratio = f"{row['ratio']:.3f}" + (f" ({spread[0]:.2f} to {spread[1]:.2f})" if spread else "")
            milliseconds = f"{row['milliseconds']:.1f}" if "milliseconds" in row else ""
            lines.append(f"| {name} | {milliseconds} | {ratio} | {row['rounds']} |")
    lines += ["", "torchlens is no dependency: its row is measured where it is installed.", ""]
    lines += ["## Growth with the number of operations", "", "Operations on 4 numbers: the worst case.", ""]
    lines += ["| operations | plain, µs each | recorded, µs each | bytes each |", "|---|---|---|---|"]
    lines += [
        f"| {row['operations']:,} | {row['plain_us']:.1f} | {row['recorded_us']:.1f} | {row['bytes']:.0f} |"
        for row in report["growth"]
    ]
    return "\n".join(lines) + "\n"
