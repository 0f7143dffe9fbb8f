"""A comparison on a user's own lines: which are adapted on, which are held back, and what the page says of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcheck_lm.errors import ArgumentError, CharsetError, DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.lines import Line, write_labels_tsv
from gradcheck_lm.lab.comparing.job import Job
from gradcheck_lm.lab.comparing.lines import own, pick_lines
from gradcheck_lm.lab.comparing.sentences import experiments_of, helped
from gradcheck_lm.lab.config import ComparisonConfig
from gradcheck_lm.lab.measuring.metrics import LineErrors

CHARSET = Charset("abcdefghijklmnopqrstuvwxyz0123456789 ")
PAPER = np.full((20, 60), 255, np.uint8)


def folder(place: Path, count: int, text: str = "ink") -> str:
    write_labels_tsv([Line(PAPER, f"{text} {i}", f"{i}") for i in range(count)], place)
    return str(place)


def texts(lines: Any) -> list[str]:
    return [line.text for line in lines]


def test_a_third_is_held_back_and_the_same_one_each_time(tmp_path: Path) -> None:
    config = ComparisonConfig(data=folder(tmp_path / "mine", 30))
    adapted, others = own(config, CHARSET, None)
    assert (len(adapted), len(others)) == (20, 10)
    assert not set(texts(adapted)) & set(texts(others))
    again = own(dataclasses.replace(config, seed=5), CHARSET, None)
    assert [texts(part) for part in again] == [texts(adapted), texts(others)]


def test_others_may_be_given_and_so_many_are_taken(tmp_path: Path) -> None:
    told: list[str] = []
    config = ComparisonConfig(
        data=folder(tmp_path / "mine", 12), validation=folder(tmp_path / "others", 9, "other"), adapt_lines=4,
        evaluation_lines=3,
    )  # fmt: skip
    adapted, others = pick_lines(config, CHARSET, told.append)
    assert texts(adapted) == ["ink 0", "ink 3", "ink 6", "ink 9"]
    assert texts(others) == ["other 0", "other 3", "other 6"]
    assert told == [
        "4 of 12 lines are taken: --adapt-lines 12 takes all", "3 of 9 lines are taken: --evaluation-lines 9 takes all"
    ]  # fmt: skip


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine", 12)
    with pytest.raises(DataError, match="share lines"):
        own(ComparisonConfig(data=mine, validation=mine), CHARSET, None)
    with pytest.raises(DataError, match="at least 10 are needed, or give --validation"):
        own(ComparisonConfig(data=folder(tmp_path / "few", 5)), CHARSET, None)
    with pytest.raises(CharsetError, match="--drop-unknown"):
        own(ComparisonConfig(data=folder(tmp_path / "strange", 12, "é")), CHARSET, None)
    assert own(ComparisonConfig(data=folder(tmp_path / "cut", 12, "é"), drop_unknown=True), CHARSET, None)
    with pytest.raises(ArgumentError, match="give --data as well"):
        ComparisonConfig(validation=mine)


def test_a_job_of_ones_own_lines_travels_as_json() -> None:
    job = Job(ComparisonConfig(data="mine", tags=("a", "!b"), arms=("ctc",)), "out", "new_hand", "ctc")
    assert Job.from_json(job.to_json()) == job


def test_the_page_speaks_of_the_lines_that_were_taken() -> None:
    own_texts, synthetic = experiments_of(ComparisonConfig(data="my {lines}")), experiments_of(ComparisonConfig())
    assert "on lines of my {lines} with their transcripts" in own_texts["with_labels"][1]
    assert "new hand" not in " ".join(text for texts in own_texts.values() for text in texts)
    assert "lines of the new hand" in synthetic["with_labels"][1]


def errors(*edits: int) -> Any:
    characters = LineErrors(np.array(edits * 10), np.full(len(edits) * 10, 20))
    return SimpleNamespace(after=SimpleNamespace(characters=characters))


def test_what_helped_is_held_against_ctc_and_not_against_the_start() -> None:
    def page(**outcomes: Any) -> Any:
        return SimpleNamespace(outcomes={"new_hand": outcomes, "with_labels": {"ctc": errors(5)}})

    better = page(ctc=errors(5, 6), argmax=errors(0), relax=errors(4, 4), soft=errors(2, 3))
    said = helped(better)
    assert said.startswith("Without labels, soft helped most: CER 12.5 %, where ctc ended at 27.5 % (95 % of the ")
    assert "best of 2: -15.0 .. -15.0 points" in said
    noise = page(ctc=errors(5, 6, 4), soft=errors(6, 4, 4))
    assert helped(noise).startswith("Without labels, no fix lowered the error rate beyond chance; the best was soft")
    assert "soft" in helped(noise, "ja")
    assert helped(page(ctc=errors(5), argmax=errors(1))) == ""
