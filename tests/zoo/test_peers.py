"""The programs made after other debuggers' public cases: what docs/results/peers.md says of this one still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gradcheck_lm.bench.peers.peers import Program, ours, programs, verdict

ROOT = Path(__file__).parents[2]
ALL = programs(Path(__file__).parent / "peers")
PUBLISHED = ROOT / "docs" / "results" / "peers.json"
_RANK = ("quiet", "seen", "named", "first")
SAMPLE = [program for number, program in enumerate(ALL) if number % 9 == 0]


def published() -> dict[str, Any]:
    return {row["name"]: row for row in json.loads(PUBLISHED.read_text(encoding="utf-8"))["rows"]}


def check(program: Program) -> None:
    answer = ours(program)
    assert answer.error == "", answer
    if program.healthy:
        assert answer.said == [], answer
        return
    before = published()[program.path.stem]["verdict"]
    assert _RANK.index(verdict(program, answer)) >= _RANK.index(before), (before, answer)


@pytest.mark.parametrize("program", SAMPLE, ids=lambda program: program.path.stem)
def test_a_sample_is_answered_as_the_page_says(program: Program) -> None:
    check(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", ALL, ids=lambda program: program.path.stem)
def test_every_program_is_answered_as_the_page_says(program: Program) -> None:
    check(program)


def test_the_programs_are_many_and_each_says_what_it_is() -> None:
    broken = [program for program in ALL if not program.healthy]
    assert len(broken) >= 60
    assert len(ALL) - len(broken) >= 12
    for program in ALL:
        assert program.about
        assert {"model", "optimizer", "inputs", "targets", "loss"} <= set(program.names), program.path.name
        assert program.healthy or program.source, program.path.name
        assert 10 <= len(program.path.read_text(encoding="utf-8").splitlines()) <= 50, program.path.name


def test_the_page_names_every_program_and_holds_the_aims() -> None:
    rows = published()
    assert set(rows) == {program.path.stem for program in ALL}
    first = sum(row["verdict"] == "first" for row in rows.values())
    assert first >= 50
    assert all(row["verdict"] == "quiet" for row in rows.values() if row["healthy"])
