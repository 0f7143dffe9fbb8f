"""Training streams what does not fit: what is kept depends on the memory that is free."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from counted_lines import Pictures
from counting import only_what_comes, peak, tensor_bytes
from tiny_runs import SMALLEST

from gradcheck_lm.bench.scale.scale_points import write_lines
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines import data as data_module
from gradcheck_lm.lab.lines.data import KEPT, LineData, room
from gradcheck_lm.lab.machine import memory
from gradcheck_lm.lab.measuring.reading import labelled_lines
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer

WIDE = dataclasses.replace(SMALLEST, width=256, classes=Charset.standard().size)


def train(folder: Path, *, kept: int | None, on_step: Callable[[dict[str, Any]], None] | None = None) -> None:
    """An epoch of four lines a step over a folder."""
    charset = Charset.standard()
    data = LineData(labelled_lines(folder, charset), WIDE, charset, kept=kept)
    config = TrainingConfig(steps=len(data) // 4, batch_size=4, schedule="constant", augment=True)
    Trainer(CRNN(WIDE), labelled(charset, None, 0.0), data, config, on_step=on_step).run()


def tensors(folder: Path, *, kept: int | None) -> int:
    """The most bytes that tensors take after a step, beyond what there was before."""
    found: list[int] = []
    with only_what_comes():
        before = tensor_bytes()
        train(
            folder, kept=kept, on_step=lambda record: found.append(tensor_bytes()) if record["step"] % 4 == 0 else None
        )
    return max(found) - before


def test_training_streams_lines_that_are_more_than_may_be_kept(tmp_path: Path) -> None:
    # the shorter set is long enough for the batches that are made ahead
    few, many, pixels = 32, 80, WIDE.height * WIDE.width
    for count in (few, many):
        (tmp_path / f"{count}").mkdir()
        write_lines(tmp_path / f"{count}", count, pictures=8)
    allowed = 4 * pixels  # a batch's; both sets are larger
    taken = {count: tensors(tmp_path / f"{count}", kept=allowed) for count in (few, many)}
    assert abs(taken[many] - taken[few]) < 2 * (many - few) * torch.long.itemsize  # of the epoch's order
    # and were they kept, it would show
    assert tensors(tmp_path / f"{many}", kept=None) > taken[many] + 0.9 * many * pixels
    peaks = {count: peak(lambda count=count: train(tmp_path / f"{count}", kept=allowed)) for count in (few, many)}
    # a line's name, text and path, and a step's record, are held; its picture is not
    assert (peaks[many] - peaks[few]) / (many - few) < pixels / 4


def test_what_is_kept_depends_on_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(data_module, "free_memory", lambda: None)
    assert room() == KEPT
    monkeypatch.setattr(data_module, "free_memory", lambda: 10 * KEPT)
    assert room() == KEPT
    pixels = 8 * SMALLEST.height * SMALLEST.width
    monkeypatch.setattr(data_module, "free_memory", lambda: 2 * pixels)
    assert room() == pixels
    assert Pictures(8).data()._pixels is not None
    assert Pictures(9).data()._pixels is None
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")  # each of two processes keeps its own
    assert room() == pixels / 2


def test_free_memory_is_what_the_machine_or_a_limit_leaves(tmp_path: Path) -> None:
    free = memory.free_memory()
    assert free is None or free > 50_000_000
    for name, text in (
        ("memory.max", "1000\n"),
        ("memory.current", "700\n"),
        ("memory.stat", "anon 5\ninactive_file 60\n"),
    ):
        (tmp_path / name).write_text(text)
    assert memory._left_in_cgroup(tmp_path) == 360
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._left_in_cgroup(tmp_path) is None
    assert memory._left_in_cgroup(tmp_path / "nowhere") is None
