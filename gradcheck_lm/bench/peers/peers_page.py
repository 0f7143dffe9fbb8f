"""The page of the benchmark `peers`."""

from __future__ import annotations

from typing import Any

_NAME = "gradcheck_lm"


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    broken = [row for row in report["rows"] if not row["healthy"]]
    healthy = [row for row in report["rows"] if row["healthy"]]
    others = [name for name in report["versions"] if name != _NAME]
    noise = {name: _noise(healthy, name) for name in report["versions"]}
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines = [
        "# What other debuggers see", "",
        f"`{report['command']}`, {report['date']}: {versions}; torch {report['torch']}, Python {report['python']}, "
        "CPU. The raw answers are in [peers.json](peers.json).", "",
        f"{len(broken)} broken programs and {len(healthy)} healthy ones, written for this page after the public cases "
        "of torchtest2, torch-audit, torchdiag, torchmortem, mldoct, TorchFix and TrainCheck (`tests/zoo/peers`; the "
        "first lines of each say which case it follows). In each broken one the guilty line is marked with a comment. "
        "They were at hand while this debugger was mended, so its own column shows what it holds, not what it would do "
        "on programs that it has not met.", "",
        "A tool *sees* a fault where it warns of something that it says of no healthy program here; what it says of "
        "healthy ones as well tells nothing apart and is not counted. It *names the line* where its first such warning "
        "stands on the marked line. torchtest2 is given the model, the batch, the loss, the optimizer, which "
        "parts are to be frozen, and `gradcheck=True`; torch-audit every step; torchmortem thirty steps, since it "
        "looks for trends; the linters the file. TrainCheck learns its rules from a healthy run of the same program, "
        "which a user with one broken script has not got, so it is no column.", "",
        "| tool | sees | names the line first | healthy programs it warns of | stopped by an error of its own |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for name in report["versions"]:
        seen = sum(_sees(row, name, noise[name]) for row in broken)
        first = sum(_first(row, name, noise[name]) for row in broken)
        alarms = sum(bool(row["answers"][name]["said"]) for row in healthy)
        errors = sum(bool(row["answers"][name]["error"]) for row in report["rows"])
        lines.append(f"| {name} | {seen} of {len(broken)} | {first} | {alarms} of {len(healthy)} | {errors} |")
    together = sum(any(_sees(row, name, noise[name]) for name in others) for row in broken)
    lines += ["", f"The others together see {together} of {len(broken)}.", ""]
    lines += ["## Every program", "", "✓ sees it, **line** names the marked line first, — says nothing of it.", ""]
    lines += ["| program | kind | after | " + " | ".join([_NAME, *others]) + " |", "|---" * (4 + len(others)) + "|"]
    for row in broken:
        marks = [_mark(row, name, noise[name]) for name in [_NAME, *others]]
        kind = "not a gradient's" if row["kind"] == "nothing" else row["kind"]
        lines.append(f"| {row['about']} | {kind} | {row['source']} | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def _noise(healthy: list[dict[str, Any]], name: str) -> set[str]:
    """What a tool says of healthy programs as well; of this debugger everything counts."""
    return set() if name == _NAME else {what for row in healthy for what in row["answers"][name]["said"]}


def _told(row: dict[str, Any], name: str, noise: set[str]) -> list[int]:
    answer = row["answers"][name]
    return [line for what, line in zip(answer["said"], answer["lines"], strict=True) if what not in noise]


def _sees(row: dict[str, Any], name: str, noise: set[str]) -> bool:
    return bool(_told(row, name, noise))


def _first(row: dict[str, Any], name: str, noise: set[str]) -> bool:
    return _told(row, name, noise)[:1] == [row["line"]]


def _mark(row: dict[str, Any], name: str, noise: set[str]) -> str:
    if _first(row, name, noise):
        return "**line**"
    return "✓" if _sees(row, name, noise) else "—"
