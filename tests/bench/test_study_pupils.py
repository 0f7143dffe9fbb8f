"""The study of pupils: what each arm learns from, and that nobody but the oracle sees a label that was not given."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gradcheck_lm.bench.study.running.plan import Run, of_arms
from gradcheck_lm.bench.study.running.pupils import ALONE, ROWS, STEPS, Writer, beginning, config_of, plan_pupils
from gradcheck_lm.bench.study.running.pupils_run import PupilsRun, Reading, nbest, taught_terms
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines
from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.training.terms import labelled

TEXTS = ["the quick brown fox", "a letter from home", "seeds of the plant"]


def runs() -> dict[str, Run]:
    return {item.arm: item for item in plan_pupils(1)}


def test_arms_have_equal_steps_and_equal_labelled_lines_a_step() -> None:
    found = runs()
    assert {item.steps for item in found.values()} == {STEPS}
    assert {config_of(item).masking for item in found.values()} == {True}
    assert found[ALONE].batch_size == found["own readings"].batch_size // 2
    assert {item.seed for item in plan_pupils()} == {0, 1, 2}


def test_every_arm_is_held_against_a_control_that_is_there_and_teachers_come_first() -> None:
    names = list(runs())
    for item in runs().values():
        assert item.kind == "arm" or item.against is None
        if item.against is not None:
            assert runs()[item.against].kind == "control"
        teacher = item.options.get("teacher")
        assert teacher is None or names.index(teacher) < names.index(item.arm)


def test_some_arms_alone() -> None:
    assert [item.arm for item in of_arms(plan_pupils(2), [ALONE])] == [ALONE, ALONE]
    with pytest.raises(ArgumentError, match="the study has no arm 'magic'; it has 'start', 'labels alone'"):
        of_arms(plan_pupils(1), ["magic"])


def test_folders_without_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"study of pupils needs --lines FOLDER with labels\.tsv; it was given ''"):
        Writer("", str(tmp_path), str(tmp_path)).check()


def batch() -> Batch:
    config = beginning()[0].config
    images = torch.rand(2, 1, config.height, config.width, generator=torch.Generator().manual_seed(0))
    return Batch(images, ["a fox", "seeds"], [1, 0])


def test_one_reading_a_line_is_ctc_on_it() -> None:
    model, charset = beginning()
    readings = [[Reading("seeds", 1.0)], [Reading("a fox", 1.0)]]
    found = taught_terms(charset, readings)(model, batch()).terms
    wanted = labelled(charset, None, 0.0)(model, batch()).terms
    torch.testing.assert_close(found, wanted)


def test_a_share_weighs_a_reading() -> None:
    model, charset = beginning()
    halves = [[Reading("seeds", 0.5), Reading("sheds", 0.5)], [Reading("a fox", 1.0)]]
    loss = [
        taught_terms(charset, [[Reading(text, 1.0)], halves[1]])(model, batch()).terms["ctc"]
        for text in ("seeds", "sheds")
    ]
    mixed = taught_terms(charset, halves)(model, batch()).terms["ctc"]
    torch.testing.assert_close(mixed, (loss[0] + loss[1]) / 2)  # both have five characters
    assert abs(loss[0] - loss[1]) > 1e-3


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    folder = tmp_path_factory.mktemp("hand")
    for name, seed, number in (("lines", 1, 60), ("others", 2, 12)):
        (folder / name).mkdir()
        rows = []
        for i, line in enumerate(SyntheticLines(TEXTS, ("zeyada",), number, seed)):
            Image.fromarray(line.image).save(folder / name / f"{i}.png")
            rows.append(f"{i}.png\t{line.text}")
        (folder / name / "labels.tsv").write_text("\n".join(rows) + "\n")
    return Writer(str(folder / "lines"), str(folder / "others"), str(folder / "out"))


def test_shares_sum_to_one_and_the_best_is_first(writer: Writer) -> None:
    model, charset = beginning()
    known = writer.parts(0)[0]
    found = nbest(model, known.take([0, 1]).images, writer.decoding(0, None), charset, 4)
    for line in found:
        assert sum(reading.share for reading in line) == pytest.approx(1)
        assert line[0].share == max(reading.share for reading in line)
        assert len({reading.text for reading in line}) == len(line)


@pytest.mark.slow
def test_all_arms_on_a_hand_that_is_drawn(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[str]] = {}
    run = PupilsRun(writer)
    now: list[str] = []

    def watched(charset: Any, readings: Any) -> Any:
        seen.setdefault(now[-1], {reading.text for line in readings for reading in line})
        return taught_terms(charset, readings)

    monkeypatch.setattr("gradcheck_lm.bench.study.running.pupils_run.taught_terms", watched)
    records = {}
    for item in plan_pupils(1):
        now.append(item.arm)
        records[item.arm] = run(dataclasses.replace(item, steps=2))
    assert list(records) == [name for name, _ in ROWS]
    for name, record in records.items():
        assert len(record["edits"]["held_out"]["fused"]) == 12
        assert record["settings"]["labelled_lines"] == 6
        lines = {"start": 0, ALONE: 0, f"{ALONE}, a whole batch of them": 0, "fused N-best, selected": 27}
        assert record["settings"]["taught_lines"] == lines.get(name, 54)
    given = set(writer.parts(0)[0].texts)
    assert seen[ALONE] == given
    assert seen["true labels of all lines"] == set(TEXTS)
    # a recogniser of two steps reads none of these lines right, so a label among its readings was looked at
    assert not (seen["own readings"] - given) & set(TEXTS)
