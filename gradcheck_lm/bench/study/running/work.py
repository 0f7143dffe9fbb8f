"""Running a study: each run in its turn, several at a time, its record kept in a file of its own."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import DataError, GradcheckLMError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.lab.machine.deterministic import deterministic

RUNS = "runs"  # the folder of the records


def record_path(out: Path, key: str) -> Path:
    """Where the record of a run goes."""
    return out / RUNS / (re.sub(r"[^A-Za-z0-9.]+", "-", key) + ".json")


def work(
    items: Sequence[Any],
    out: str | Path,
    function: Callable[[Any], dict[str, Any]],
    *,
    jobs: int = 1,
    progress: Callable[[str], None],
) -> int:
    """Do all runs that have no record yet; call it again to go on after an interruption.

    A record counts wherever `read_records` finds it: begin with a folder of kept ones, and the rest is run.

    Args:
        items: runs, each with a `key` of its own.
        function: from a run to its record; a function of a module, because other processes have to find it.
        jobs: processes, each with one thread.
    Returns:
        How many failed; the others are done, and a second call tries these again.
    """
    out = Path(out)
    (out / RUNS).mkdir(parents=True, exist_ok=True)
    kept = {record["key"] for path in sorted(out.glob("*.jsonl")) for record in _records_in(path)}
    todo = [(item, str(record_path(out, item.key)), function) for item in items if item.key not in kept]
    todo = [task for task in todo if not Path(task[1]).exists()]
    progress(f"{len(items) - len(todo)} of {len(items)} runs are done, {len(todo)} to do")
    failed = done = 0
    with multiprocessing.get_context("spawn").Pool(jobs, _one_thread) as pool:
        for key, problem in pool.imap_unordered(_do, todo):
            done += 1
            failed += problem is not None
            progress(f"{done} of {len(todo)}: {key}" + (f" FAILED: {problem}" if problem else ""))
    return failed


def _one_thread() -> None:
    torch.set_num_threads(1)


def _do(task: tuple[Any, str, Callable[[Any], dict[str, Any]]]) -> tuple[str, str | None]:
    item, path, function = task
    try:
        with deterministic():
            record = function(item)
    except (GradcheckLMError, OSError) as error:  # one refused run must not lose the others
        return item.key, str(error)
    write_text_atomic(path, json.dumps(record) + "\n")
    return item.key, None


def read_records(out: str | Path) -> list[dict[str, Any]]:
    """All records under OUT/runs, and those in OUT/*.jsonl, which is how they are kept in docs.

    Raises:
        DataError: none is there, or a file is damaged.
    """
    out = Path(out)
    found: list[dict[str, Any]] = []
    for path in [*sorted((out / RUNS).glob("*.json")), *sorted(out.glob("*.jsonl"))]:
        found += _records_in(path)
    if not found:
        raise DataError(f"{out} holds no records of runs: give the folder that `bench study run` wrote to")
    return found


def _records_in(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is no record of a run ({error}): remove it and run the study again") from error


def pack(out: str | Path, to: str | Path) -> list[Path]:
    """The records of each study as one file of lines, STUDY.jsonl, to be kept."""
    studies: dict[str, list[dict[str, Any]]] = {}
    for record in read_records(out):
        studies.setdefault(record["study"], []).append(record)
    return [
        write_text_atomic(Path(to) / f"{study}.jsonl", "".join(json.dumps(record) + "\n" for record in records))
        for study, records in studies.items()
    ]
