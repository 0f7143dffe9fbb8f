"""Training scripts after public threads, written by somebody who had not seen the debugger: is the guilty line first?

There are eight sets: each came when the kinds of those before had been mended. A ninth, "forms", has faults of known
kinds in unfamiliar forms, after no thread. `answers.json` says of each broken one which lines a person would change,
what is wrong, after which thread it was written, and how well it is found: "first", "seen" (told, and not first) or
"missed"; `--overwrite` writes it anew.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import Finding
from gradcheck_lm.flow.scripts.runner import watch_script

THREADS = Path(__file__).parents[1] / "zoo" / "threads"
SETS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "forms")
ANSWERS: dict[str, dict[str, Any]] = {
    f"{one}/{name}": answer
    for one in SETS
    for name, answer in json.loads((THREADS / one / "answers.json").read_text(encoding="utf-8")).items()
}
HEALTHY = sorted(THREADS.glob("*/healthy/[0-9]*.py"))
_RANKS = ("first", "seen", "missed")
# a layer that is never called is an error by the house rule; the program's author calls it a layer for later
_ALARMS = {"25_partial_labels_multitask": ["GF401"]}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("numpy"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def told(path: Path) -> list[Finding]:
    """The errors and then the warnings of a script, as `run` tells them."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        unheard = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with unheard[0], unheard[1], torch.random.fork_rng():
            seen = watch_script(path)
    except TraceError:
        return []
    finally:
        os.chdir(before)
        torch.set_grad_enabled(True)  # one of them switches it off for good
    assert not seen.troubles
    findings = [finding for _, diagnosis in seen.losses for finding in diagnosis.findings]
    return [one for severity in ("error", "warning") for one in findings if one.severity == severity]


def rank(name: str) -> str:
    """How well the guilty line of a program is found."""
    answer = ANSWERS[name]
    lines = answer["line"] if isinstance(answer["line"], list) else [answer["line"]]
    file = Path(answer.get("file", name)).name
    hits = [Path(one.file).name == file and one.line in lines for one in told(THREADS / name)]
    return "first" if hits[:1] == [True] else "seen" if any(hits) else "missed"


@pytest.mark.parametrize("name", ANSWERS)
def test_the_guilty_line(name: str, request: pytest.FixtureRequest) -> None:
    found = rank(name)
    if request.config.getoption("--overwrite"):
        ANSWERS[name]["found"] = found
        own = name.partition("/")[0]
        kept = {key.removeprefix(f"{own}/"): answer for key, answer in ANSWERS.items() if key.startswith(f"{own}/")}
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        (THREADS / own / "answers.json").write_text(text + "\n", encoding="utf-8")
    assert _RANKS.index(found) <= _RANKS.index(ANSWERS[name]["found"]), ANSWERS[name]["what"]


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_healthy_scripts_are_left_alone(path: Path) -> None:
    assert [one.code for one in told(path)] == _ALARMS.get(path.stem, []), path.stem
