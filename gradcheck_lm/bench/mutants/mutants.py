"""Do the tests see a fault? One-line faults in flow, each with the tests of its room that must see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gradcheck_lm.bench.mutants.mutated import VARIABLE
from gradcheck_lm.bench.mutants.mutations import PACKAGE, Mutation, choose
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.files import write_text_atomic

CHECKOUT = PACKAGE.parent
_ZOO = ("tests/flow/test_zoo.py", "-k", "is_named or has_no_error")
_STEPS = ("tests/flow/test_stepping_zoo.py", "-k", "named_first or left_alone")
# for each room its tests in the order in which they are asked; each entry is the arguments of one run of pytest
TESTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "operations": (_ZOO, ("tests/flow/test_op_db.py",)),
    "watching": (
        (
            "tests/flow/test_recorder.py",
            "tests/flow/test_lines.py",
            "tests/flow/test_library_lines.py",
            "tests/flow/test_switched_off.py",
        ),
        _ZOO,
        _STEPS,
    ),
    "findings": (("tests/flow/test_findings.py", "tests/flow/test_kinds.py", "tests/draw/test_japanese.py"), _ZOO),
    "gradients": (
        ("tests/flow/test_attribution.py", "tests/flow/test_structural.py", "tests/flow/test_numeric.py"),
        _ZOO,
        ("tests/flow/test_watch.py", "tests/flow/test_bad_input.py"),
    ),
    "tracing": (
        _ZOO,
        (
            "tests/flow/test_decisions.py",
            "tests/flow/test_addends.py",
            "tests/flow/test_counterfactual.py",
            "tests/flow/test_terms.py",
        ),
    ),
    "rerunning": (("tests/flow/test_counterfactual.py",), _ZOO),
    "asking": (
        _ZOO,
        (
            "tests/flow/test_decisions.py",
            "tests/flow/test_refused.py",
            "tests/flow/test_idle.py",
            "tests/flow/test_wrong_values.py",
        ),
    ),
    "bridging": (("tests/flow/test_what_if.py", "tests/flow/test_bridges.py"),),
    "stepping": (
        _STEPS,
        (
            "tests/flow/test_stepping.py",
            "tests/flow/test_stepping_watcher.py",
            "tests/flow/test_healthy_steps.py",
            "tests/flow/test_compiled.py",
        ),
    ),
    "scripts": (
        (
            "tests/flow/test_session.py",
            "tests/flow/test_scripts_errors.py",
            "tests/flow/test_scripts_refused.py",
            "tests/flow/test_runner.py",
        ),
    ),
    "": (
        (
            "tests/flow/test_watch.py",
            "tests/flow/test_stepping.py",
            "tests/flow/test_stepping_watcher.py",
            "tests/flow/test_bad_input.py",
        ),
        _ZOO,
    ),
}


def run_mutants(
    out: str | Path,
    *,
    count: int = 60,
    seed: int = 0,
    minutes: float = 60.0,
    limit: float = 120.0,
    baseline: bool = True,
    progress: Callable[[str], Any] = print,
) -> Path:
    """Put in one fault after another, ask the tests, and write mutants.json and mutants.md.

    Args:
        out: folder.
        count: faults in all, the named ones among them.
        seed: by which the others are drawn.
        minutes: for the whole; what is not begun by then is left out and counted.
        limit: seconds of pytest for one fault; what is not decided by then counts as neither.
        baseline: first see all tests pass without a fault.
    Raises:
        GradcheckLMError: there are no tests here, or they fail without a fault.
    """
    if not (CHECKOUT / "tests" / "flow").is_dir():
        raise GradcheckLMError(f"{CHECKOUT} has no tests; mutants run in a checkout of the source.")
    chosen = choose(count, seed)
    if baseline:
        _must_pass(progress)
    began = time.monotonic()
    report: dict[str, Any] = {
        "command": f"python -m gradcheck_lm.bench mutants --count {count} --seed {seed}",
        "chosen": len(chosen),
        "minutes": 0.0,
        "mutants": [],
    }
    out = Path(out)
    for number, mutation in enumerate(chosen, 1):
        if time.monotonic() - began > 60 * minutes:
            break
        result = asdict(mutation) | judge(mutation, limit)
        report["mutants"].append(result)
        report["minutes"] = round((time.monotonic() - began) / 60, 1)
        write_text_atomic(out / "mutants.json", json.dumps(report, indent=1) + "\n")  # a run cut short is not lost
        progress(f"{number}/{len(chosen)} {result['end']}: {mutation.path}:{mutation.line} {mutation.new.strip()}")
    return write_text_atomic(out / "mutants.md", page(report))


def _must_pass(progress: Callable[[str], Any]) -> None:
    """Without a fault all tests pass: else every fault would count as seen."""
    runs = dict.fromkeys(arguments for room in TESTS.values() for arguments in room)
    files = tuple(dict.fromkeys(file for arguments in runs if "-k" not in arguments for file in arguments))
    for arguments in (files, _ZOO, _STEPS):
        found = judge(None, 1800.0, (arguments,))
        progress(f"without a fault: {found['end']} after {found['seconds']:.0f} s: {' '.join(arguments)}")
        if found["end"] != "survived":
            raise GradcheckLMError(f"the tests fail without a fault: {found['by']}; mend that first.")


def judge(mutation: Mutation | None, limit: float = 120.0, tests: tuple[tuple[str, ...], ...] = ()) -> dict[str, Any]:
    """Whether a fault is seen: {"end": "seen" | "survived" | "undecided", "by": the first failing test, "seconds"}."""
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
    if mutation is not None:
        environment[VARIABLE] = json.dumps(asdict(mutation))
    end, by = "survived", ""
    for arguments in tests or TESTS[mutation.room if mutation is not None else ""]:
        left = limit - (time.monotonic() - began)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += [
            "-p",
            "gradcheck_lm.bench.mutants.mutated",
            "-m",
            "not slow and not gpu and not browser",
            *arguments,
        ]
        try:
            done = subprocess.run(
                command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=max(left, 1.0)
            )
        except subprocess.TimeoutExpired:
            end, by = "undecided", arguments[0]
            break
        if done.returncode not in (0, 5):  # 5: nothing was collected
            failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            end, by = "seen", failed[0].split(" - ")[0].split(" ", 1)[-1] if failed else arguments[0]
            break
    return {"end": end, "by": by, "seconds": round(time.monotonic() - began, 1)}


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    mutants = report["mutants"]
    missed = [one for one in mutants if one["end"] == "survived"]
    undecided = [one for one in mutants if one["end"] == "undecided"]
    seen = len(mutants) - len(missed) - len(undecided)
    lines = [
        "# Do the tests see a fault?", "",
        f"`{report['command']}`", "",
        f"{len(mutants)} one-line faults in the debugger's own code ({report['chosen']} were drawn; those not here did "
        f"not fit into the time), one at a time, each with its room's tests; **{seen} of {len(mutants)} are seen**. "
        "The first are named: a review found that no test saw them. The others are drawn by a seed from the syntax "
        "trees, from each room in turn: a comparison turned round, `and` for `or`, a `not` left out, a number one "
        "larger, `min` for `max`, a `return` of nothing. Not every survivor is a gap: some change nothing. "
        f"{len(undecided)} were not decided within the time for one.", "",
        "| room | seen | of |", "|---|---|---|",
    ]  # fmt: skip
    rooms: dict[str, list[dict[str, Any]]] = {}
    for one in mutants:
        rooms.setdefault(one["path"].partition("/")[0] if "/" in one["path"] else "flow/*.py", []).append(one)
    for room, found in sorted(rooms.items()):
        lines.append(f"| {room} | {sum(one['end'] == 'seen' for one in found)} | {len(found)} |")
    lines += ["", "## Survivors", ""]
    for one in missed:
        lines += [f"- `flow/{one['path']}:{one['line']}` ({one['what']})", "", "  ```diff"]
        lines += [f"  - {one['old'].strip()}", f"  + {one['new'].strip()}", "  ```", ""]
    lines += [] if missed else ["None.", ""]
    lines += ["## Seen, and by which test first", "", "| fault | becomes | test |", "|---|---|---|"]
    for one in mutants:
        if one["end"] == "seen":
            changed = one["new"].strip().replace("|", "\\|")
            test = one["by"].rpartition("/")[2].replace("|", "\\|")
            lines.append(f"| `{one['path']}:{one['line']}` | `{changed}` | {test} |")
    return "\n".join(lines) + "\n"
