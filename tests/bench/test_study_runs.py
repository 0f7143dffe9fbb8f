"""The runs of the experiments: planned without doubles, done once, kept, and begun again where they stopped."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from counted_runs import count
from PIL import Image

from gradcheck_lm.bench.study.running.order import everything, in_order
from gradcheck_lm.bench.study.running.plan import Run, plan
from gradcheck_lm.bench.study.running.real import STEPS, Hand, plan_real
from gradcheck_lm.bench.study.running.work import pack, read_records, record_path, work
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.lab.training.controls import CONTROLS
from gradcheck_lm.penalties import PENALTIES

EVERYTHING = everything()


def test_every_run_has_a_record_of_its_own_and_every_arm_a_reference() -> None:
    paths = {record_path(Path("out"), item.key) for item in EVERYTHING}
    assert len(paths) == len(EVERYTHING)
    groups: dict[tuple[Any, ...], set[str]] = {}
    for item in EVERYTHING:
        groups.setdefault((item.study, str(item.group), item.seed), set()).add(item.arm)
    for item in EVERYTHING:
        assert item.reference in groups[item.study, str(item.group), item.seed], item.key
        assert "start" in groups[item.study, str(item.group), item.seed], item.key
        assert item.penalty is None or item.penalty in PENALTIES, item.key


def test_the_new_hands_see_every_penalty_and_every_control_with_five_seeds() -> None:
    runs = plan("new_hand")
    assert {item.penalty for item in runs} >= set(PENALTIES) - {"hidden_states"}  # its objective is another one
    assert {item.special for item in runs} >= {*CONTROLS, "batchnorm", "scrambled", "more_ctc"}
    assert {item.group["hand"] for item in runs} == {"shadows-into-light", "zeyada"}
    assert {item.seed for item in runs} == set(range(5))
    assert all(item.control for item in runs if item.special)


def test_labels_are_all_a_quarter_a_tenth_and_a_fiftieth() -> None:
    assert {item.group["labels"] for item in plan("labels")} == {1.0, 0.25, 0.1, 0.02}
    assert {item.group["labels"] for item in plan_real()} == set(STEPS) == {1.0, 0.1, 0.02}


def test_a_study_that_there_is_not_is_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"no study 'magic'; there are new_hand, labels, weights, language_models, and"
    ):
        plan("magic")


def some() -> list[Run]:
    return [item for item in plan("labels", 1) if item.group["labels"] == 0.1]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], int]:
    """The folder of `some` runs and two of another study, what was said, and how many failed; not to be changed."""
    out, said = tmp_path_factory.mktemp("worked"), []
    failed = work(some() + plan("weights", 1)[:2], out, count, progress=said.append)
    return out, said, failed


def test_a_failed_run_loses_no_other_and_is_tried_again(worked: tuple[Path, list[str], int], tmp_path: Path) -> None:
    items, said = some() + plan("weights", 1)[:2], list(worked[1])
    assert worked[2] == 1
    shutil.copytree(worked[0], tmp_path, dirs_exist_ok=True)
    assert len(read_records(tmp_path)) == len(items) - 1
    assert [line for line in said if "FAILED: broken on purpose" in line]
    first = record_path(tmp_path, items[0].key)
    first.write_text(first.read_text().replace("1.0", "7.0"))
    mended = [dataclasses.replace(item, penalty=None) for item in items]
    assert work(mended, tmp_path, count, progress=said.append) == 0
    assert f"{len(items) - 1} of {len(items)} runs are done, 1 to do" in said
    assert len(read_records(tmp_path)) == len(items)
    assert json.loads(first.read_text())["weight"] == 7.0, "a run that is done must not be done again"


def test_records_are_kept_by_study_and_come_back_the_same(worked: tuple[Path, list[str], int], tmp_path: Path) -> None:
    kept = pack(worked[0], tmp_path / "b")
    assert sorted(path.name for path in kept) == ["labels.jsonl", "weights.jsonl"]

    def by_key(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(records, key=lambda record: record["key"])

    assert by_key(read_records(tmp_path / "b")) == by_key(read_records(worked[0]))


def test_kept_records_are_gone_on_from(worked: tuple[Path, list[str], int], tmp_path: Path) -> None:
    pack(worked[0], tmp_path)
    (tmp_path / "weights.jsonl").unlink()
    items = [dataclasses.replace(item, penalty=None) for item in some() + plan("weights", 1)[:2]]
    said: list[str] = []
    assert work(items, tmp_path, count, progress=said.append) == 0
    assert said[0] == f"{len(some()) - 1} of {len(items)} runs are done, 3 to do"
    assert {record["key"] for record in read_records(tmp_path)} == {item.key for item in items}
    assert len(read_records(tmp_path)) == len(items)


def test_records_stand_in_the_order_of_the_plan() -> None:
    planned = [count(item) for item in EVERYTHING if item.penalty != "argmax"]
    shuffled = sorted(planned, key=lambda record: record["key"][::-1])
    assert shuffled != planned
    of_study = [record for record in in_order(shuffled) if record["study"] == "new_hand"]
    assert of_study == [record for record in planned if record["study"] == "new_hand"]


def test_no_records_and_damaged_ones_are_refused_with_their_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no records of runs: give the folder that `bench study run` wrote to"):
        read_records(tmp_path)
    (tmp_path / "labels.jsonl").write_text('{"key": ')
    with pytest.raises(DataError, match=r"labels\.jsonl is no record of a run"):
        read_records(tmp_path)


def test_a_real_hand_needs_its_lines(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"needs two folders with labels\.tsv: --lines \(nowhere\)"):
        Hand("nowhere", "nowhere", str(tmp_path)).prepare(progress=lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["policy_gradient", "BatchNorm alone", "more CTC on the training hands", "scrambled LM"]
)
def test_a_run_on_a_synthetic_hand_gives_a_whole_record(name: str) -> None:
    from gradcheck_lm.bench.study.running.synthetic import ADAPT_LINES, EVALUATION_LINES, run

    item = next(item for item in plan("new_hand", 1) if item.arm == name)
    record = run(dataclasses.replace(item, steps=2))
    assert {name: len(found["fused"]) for name, found in record["edits"].items()} == {
        "adapted": ADAPT_LINES,
        "held_out": EVALUATION_LINES,
    }
    start = run(next(item for item in plan("new_hand", 1) if item.arm == "start"))
    assert record["lengths"] == start["lengths"], "all arms read the same lines"
    assert record["edits"] != start["edits"], "two steps must show"
    assert json.loads(json.dumps(record)) == record


@pytest.mark.slow
def test_few_labels_and_lines_without_reach_the_same_tables(tmp_path: Path) -> None:
    """The whole study of a real hand on a hand that is drawn, with a few steps each."""
    import gradcheck_lm.bench.study.running.real as real
    from gradcheck_lm.bench.study.running.real_run import RealRun
    from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines

    for folder, seed, number in (("lines", 1, 40), ("others", 2, 12)):
        (tmp_path / folder).mkdir()
        texts = ["the quick brown fox", "a letter from home", "seeds of the plant"]
        rows = []
        for i, line in enumerate(SyntheticLines(texts, ("zeyada",), number, seed)):
            Image.fromarray(line.image).save(tmp_path / folder / f"{i}.png")
            rows.append(f"{i}.png\t{line.text}")
        (tmp_path / folder / "labels.tsv").write_text("\n".join(rows) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real, "START_STEPS", dict.fromkeys(real.START_STEPS, 1))
        hand = Hand(str(tmp_path / "lines"), str(tmp_path / "others"), str(tmp_path / "out"))
        hand.prepare(progress=lambda _: None)
    few = [dataclasses.replace(item, steps=3) for item in plan_real() if item.group["labels"] == 0.1]
    records = [RealRun(hand)(item) for item in few]
    for record, item in zip(records, few, strict=True):
        assert len(record["edits"]["held_out"]["greedy"]) == 12
        assert record["settings"]["labelled_lines"] == 4
        assert record["settings"]["unlabelled_lines"] == 36
        if item.penalty is not None:
            assert record["settings"]["weight"] > 0
            assert record["gradient_norm"] is None or record["gradient_norm"] >= 0
