"""Nothing grows faster than the number of lines, counted and not timed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from counted_lines import PAPER, Pictures
from counting import calls, files, growth, peak
from tiny_runs import CHARSET, SMALLEST, WORDS, Vowels, tiny_model

from gradcheck_lm.bench import opening
from gradcheck_lm.htr import open_lines
from gradcheck_lm.htr.checkpoint import save_checkpoint
from gradcheck_lm.htr.lines import Line, write_labels_tsv
from gradcheck_lm.lab.adapting.adapt_folder import adapt_folder
from gradcheck_lm.lab.adapting.drift import DriftWatch, StopRule
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.metrics import LineErrors, bootstrap_interval, character_errors
from gradcheck_lm.lab.measuring.mistakes import find_mistakes
from gradcheck_lm.lab.measuring.reading import measure, read
from gradcheck_lm.lab.measuring.reading_pairs import readings_page
from gradcheck_lm.lab.settings import AdaptSettings
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer
from gradcheck_lm.penalties import make_penalty

LIMIT = 2.5  # of `growth`, where 2 is linear and 4 quadratic: numbers get more digits
LEAPS = 3.0  # of that of Python's memory: lists grow by leaps


class Teacher(Vowels):
    """Counts the texts that it is asked for."""

    def nll(self, texts: Sequence[str]) -> torch.Tensor:
        return self.score(texts) * torch.tensor([len(text) for text in texts])


def misread(count: int) -> tuple[list[str], list[str]]:
    generator = random.Random(0)
    labels = [f"{generator.choice(WORDS)} {generator.choice(WORDS)}" for _ in range(count)]
    return labels, [label.replace(generator.choice("aeo"), "u") for label in labels]


def rows(count: int) -> list[dict[str, str]]:
    pairs = zip(*misread(count), strict=True)
    return [{"image": f"{i:05d}.png", "before": before, "after": after} for i, (before, after) in enumerate(pairs)]


def streaming(count: int) -> LineData:
    return Pictures(count).data(kept=0)


# what takes lines -> (what makes so many, what takes them)
WORK: dict[str, tuple[Callable[[int], Any], Callable[[Any], Any]]] = {
    "LineData, kept": (lambda n: Pictures(n).lines, lambda lines: LineData(lines, SMALLEST, CHARSET)),
    "LineData, streaming": (lambda n: Pictures(n).lines, lambda lines: LineData(lines, SMALLEST, CHARSET, kept=0)),
    "read": (streaming, lambda data: read(tiny_model(), data, CHARSET, chunk=16)),
    "measure": (streaming, lambda data: measure(tiny_model(), data, CHARSET, Teacher())),  # type: ignore[arg-type]
    "character errors": (misread, lambda texts: character_errors(*texts)),
    "mistakes": (misread, lambda texts: find_mistakes(*texts)),
    "page of readings": (rows, readings_page),
}


@pytest.mark.parametrize("name", WORK)
def test_calls_and_memory_grow_with_the_lines_and_no_faster(name: str) -> None:
    make, take = WORK[name]

    def work(count: int) -> Callable[[], Any]:
        things = make(count)
        return lambda: take(things)

    slow = name in ("read", "measure")  # a network's forward pass a chunk of lines
    assert 1 < growth(lambda n: calls(work(n)), 32 if slow else 64) <= LIMIT
    assert (
        growth(lambda n: peak(work(n)), 128 if slow else 256) <= LEAPS
    )  # below, a few hundred bytes of anything else would show


# IAM's pictures are not looked at before they are taken
@pytest.mark.parametrize(("form", "grown"), [("_labels", 2), ("_iam", 0), ("_pages", 2)])
def test_opening_reads_each_file_as_often_in_a_large_set(form: str, grown: float, tmp_path: Path) -> None:
    papers = [Line(np.full(size, 230, np.uint8), "paper") for size in ((64, 400), (2000, 1400))]
    write_labels_tsv(papers, tmp_path / "papers")
    picture = tmp_path / "papers" / f"0000{1 if form == '_pages' else 0}.png"

    def folder(count: int) -> Path:
        place = tmp_path / f"{count}"
        if not place.exists():
            getattr(opening, form)(place, count, picture)
        return place

    size = 24
    assert growth(lambda n: files(lambda: open_lines(folder(n))), size) == grown
    assert growth(lambda n: calls(lambda: open_lines(folder(n))), size) <= LIMIT
    assert growth(lambda n: peak(lambda: open_lines(folder(n))), size) <= LIMIT


def test_a_batch_costs_the_same_in_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[int] = []
    randperm = torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda n, **options: orders.append(n) or randperm(n, **options))
    costs = set()
    for count in (32, 64, 128):
        pictures = Pictures(count)
        data = pictures.data(kept=0)
        costs.add(calls(lambda data=data: data.batch(3, 4, seed=0)))
        before = pictures.looked
        data.batch(4, 4, seed=0)
        assert pictures.looked - before == 4
    assert len(costs) == 1, costs
    assert orders == [32, 64, 128]  # an epoch's order is made once, not for each batch


def test_each_picture_is_read_once_in_an_epoch_or_once_for_all() -> None:
    for count in (16, 32, 64):
        streaming, kept = Pictures(count), Pictures(count)
        for pictures, data in ((streaming, streaming.data(kept=0)), (kept, kept.data())):
            opened = pictures.looked
            for step in range(count // 4):
                data.batch(step, 4, seed=0)
            assert (opened, pictures.looked - opened) == ((0, count) if pictures is streaming else (count, 0))


def test_the_language_model_is_asked_once_a_line_and_by_a_step_for_its_batch_alone() -> None:
    for count in (16, 32, 64):
        teacher, data = Teacher(), Pictures(count).data(kept=0)
        measure(tiny_model(), data, CHARSET, teacher)
        assert teacher.asked == count
        penalty = make_penalty("policy_gradient", teacher, CHARSET, objective="score", samples=3, seed=1)
        teacher.asked = 0
        config = TrainingConfig(steps=3, batch_size=4, schedule="constant")
        Trainer(tiny_model(), labelled(CHARSET, penalty, 0.5), data, config).run()
        assert 0 < teacher.asked <= 3 * 4 * 3


def test_a_look_costs_the_same_in_a_large_set(tmp_path: Path) -> None:
    costs = set()
    for count in (16, 32, 64):
        pictures, teacher, rule = Pictures(count), Teacher(), StopRule(lines=8)
        watch = DriftWatch(tiny_model(), CHARSET, pictures.data(kept=0), teacher, rule, tmp_path)  # type: ignore[arg-type]
        pictures.looked = teacher.asked = 0
        watch.look(watch.start)
        costs.add((pictures.looked, teacher.asked))
    assert costs == {(16, 8)}  # by the start and by the present recogniser


class Record(dict[str, Any]):
    """A record whose questions are counted: those of a plain one are no calls."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key)


def test_the_rule_looks_at_each_record_once(tmp_path: Path) -> None:
    teacher, rule = Teacher(), StopRule(lines=4)
    watch = DriftWatch(tiny_model(), CHARSET, streaming(8), teacher, rule, tmp_path)  # type: ignore[arg-type]

    def run(steps: int) -> None:
        records: list[dict[str, Any]] = []
        for step in range(steps):
            watch.stop(records)
            records.append(Record(step=step + 1))

    assert growth(lambda steps: calls(lambda: run(steps)), 50) == 2


def test_the_bootstraps_memory_does_not_grow_with_all_its_resamples() -> None:
    def interval(count: int) -> Callable[[], tuple[float, float]]:
        generator = np.random.default_rng(0)
        sides = [LineErrors(generator.integers(6, size=count), np.full(count, 25)) for _ in range(2)]
        return lambda: bootstrap_interval(*sides)

    few, many = peak(interval(2000)), peak(interval(8000))
    assert many < 1.2 * few
    assert many < 8 * 2000 * 8000 / 2  # half of what a table of all resamples would take


def test_the_bootstrap_draws_what_one_table_would_draw() -> None:
    generator = np.random.default_rng(1)
    before, after = (LineErrors(generator.integers(6, size=1500), np.full(1500, 25)) for _ in range(2))
    picks = np.random.default_rng(0).integers(1500, size=(2000, 1500))
    changes = (after.edits[picks].sum(1) - before.edits[picks].sum(1)) / (25 * 1500)
    assert bootstrap_interval(before, after) == pytest.approx(tuple(np.quantile(changes, [0.025, 0.975])), abs=1e-12)


def test_the_worst_lines_are_kept_and_no_others() -> None:
    labels, readings = misread(300)
    few, all_of_them = find_mistakes(labels, readings, examples=5), find_mistakes(labels, readings, examples=300)
    assert len(few.examples) == 5
    assert few.examples == all_of_them.examples[:5]
    assert len(all_of_them.examples) == all_of_them.wrong_lines == few.wrong_lines > 5
    edits = [sum(max(len(s.label), len(s.reading)) for s in spans if s.kind != "equal")
             for spans in all_of_them.examples]  # fmt: skip
    assert edits == sorted(edits, reverse=True)


def test_a_state_of_adapt_does_not_grow_with_the_lines(tmp_path: Path) -> None:
    source = save_checkpoint(tiny_model(), CHARSET, tmp_path / "source.safetensors")
    sizes = set()
    for count in (8, 32):
        write_labels_tsv([Line(PAPER, "ink", f"{i}") for i in range(count)], tmp_path / f"{count}")
        adapt_folder(
            [tmp_path / f"{count}"], tmp_path / f"out-{count}",
            AdaptSettings(recogniser=str(source), lm="char", steps=1, batch_size=4), device="cpu",
            progress=lambda _: None,
        )  # fmt: skip
        sizes.add((tmp_path / f"out-{count}" / "state" / "state.safetensors").stat().st_size)
    assert max(sizes) - min(sizes) < 64, sizes  # the digits of its figures; a line would be more
