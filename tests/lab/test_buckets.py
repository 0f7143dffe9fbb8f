"""Batches of lines of similar width: who sits with whom, how wide they are, and that no ink is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import CHARSET, SMALLEST, differences, tiny_data, tiny_trainer

from gradcheck_lm.errors import ArgumentError, CheckpointError
from gradcheck_lm.htr.crnn import CONFIGS, CRNNConfig
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.lab.adapting.adapt import same_weights
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.augment import draw_changes
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lab.lines.buckets import batch_width, bucketed, frames_needed, inked_columns
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import ctc_term

WIDE = CRNNConfig(
    name="wide", height=32, width=256, stem_channels=2, groups=((1, 2), (1, 4)), lstm_layers=1, lstm_hidden=4,
    lstm_dropout=0.0, head_dropout=0.0, classes=CHARSET.size,
)  # fmt: skip
TEXTS = ("a", "of ink", "the cat sat on", "and then a longer line of it", "so", "mm")


def lines(count: int = 24, **options: Any) -> LineData:
    return LineData(SyntheticLines(list(TEXTS), TRAINING_HANDS, count, 0), WIDE, CHARSET, **options)


@pytest.fixture(scope="module")
def data() -> LineData:
    return lines(buckets=3)


# ---------------------------------------------------------------------- widths


def test_frames_needed_counts_a_frame_between_equal_neighbours() -> None:
    assert [frames_needed(text) for text in ("", "abc", "aab", "mmm")] == [0, 3, 4, 5]


def test_inked_columns_are_those_up_to_the_last_ink() -> None:
    pixels = torch.zeros(4, 1, 5, 9, dtype=torch.uint8)
    pixels[1, 0, 4, 0] = pixels[2, 0, 2, 3] = pixels[3, 0, 0, 8] = 1
    assert inked_columns(pixels).tolist() == [0, 1, 4, 9]


@pytest.mark.parametrize(
    ("inked", "texts", "expected"),
    [
        ([0, 0], ["", ""], 8),  # a frame at least
        ([9, 16], ["a", "b"], 16),
        ([9, 17], ["a", "b"], 24),  # rounded up to a frame
        ([9, 17], ["aa" * 3, "b"], 11 * 8),  # what CTC needs to write it
        ([5000, 17], ["a", "b"], 1024),  # never wider than the recogniser
        ([9, 17], ["a" * 900, "b"], 1024),
    ],
)
def test_a_batch_is_as_wide_as_its_ink_and_its_labels_need(inked: list[int], texts: list[str], expected: int) -> None:
    config = CONFIGS["full"]
    width = batch_width(torch.tensor(inked), texts, config)
    assert width == expected
    assert config.frames(width) == width // config.columns_per_frame


# ---------------------------------------------------------------------- order


def test_a_bucketed_order_holds_the_same_lines_and_its_batches_are_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    widths = torch.randint(10, 1000, (120,), generator=generator)
    order = torch.randperm(120, generator=generator)[:112]
    found = bucketed(order, widths, buckets=6, size=8, generator=torch.Generator().manual_seed(1))
    assert sorted(found.tolist()) == sorted(order.tolist())

    def spread(indices: torch.Tensor) -> float:
        batches = widths[indices].reshape(-1, 8)
        return float((batches.amax(1) - batches.amin(1)).float().mean())

    assert spread(found) < spread(order) / 3
    again = bucketed(order, widths, buckets=6, size=8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(found, again)


def test_narrow_batches_do_not_all_come_first() -> None:
    widths, order = torch.arange(96), torch.randperm(96, generator=torch.Generator().manual_seed(0))
    found = bucketed(order, widths, buckets=6, size=8, generator=torch.Generator().manual_seed(1))
    numbers = (found.reshape(-1, 8) // 16).tolist()  # without anything left over, a batch is of one bucket
    assert all(len(set(batch)) == 1 for batch in numbers)
    assert sorted(numbers) != numbers


def test_every_epoch_has_every_line_once_and_batches_of_its_own(data: LineData) -> None:
    epochs = [[tuple(data.batch(step, 4, seed=7).indices) for step in range(e * 6, e * 6 + 6)] for e in range(3)]
    for epoch in epochs:
        assert sorted(i for batch in epoch for i in batch) == list(range(24))
    assert len({batch for epoch in epochs for batch in epoch}) > 15
    assert data.batch(5, 4, seed=7).indices == list(epochs[0][5])  # in whatever order they are asked for
    assert lines(buckets=3).batch(5, 4, seed=7).indices == list(epochs[0][5])
    assert data.batch(5, 4, seed=8).indices != list(epochs[0][5])
    shares = [data.batch(2, 4, seed=7, rank=rank, world=2).indices for rank in (0, 1)]
    assert [i for pair in zip(*shares, strict=True) for i in pair] == list(epochs[0][2])


def test_the_lines_left_out_of_an_epoch_are_random_and_not_the_widest() -> None:
    data = lines(23, buckets=3)
    left_out = set()
    for epoch in range(12):
        seen = {i for step in range(epoch * 5, epoch * 5 + 5) for i in data.batch(step, 4, seed=0).indices}
        assert len(seen) == 20
        left_out |= set(range(23)) - seen
    assert len(left_out) > 12


def test_without_buckets_the_order_is_what_it_always_was(data: LineData) -> None:
    whole = torch.randperm(24, generator=torch.Generator().manual_seed(3 * 1_000_003 + 1)).tolist()
    assert lines().batch(7, 4, seed=3).indices == whole[4:8]
    assert data.batch(7, 4, seed=3).indices != whole[4:8]


def test_parts_keep_their_widths(data: LineData) -> None:
    assert torch.equal(data.first(5).inked, data.inked[:5])
    assert data.part([9, 2, 11]).inked.tolist() == data.inked[[9, 2, 11]].tolist()
    assert data.part([9, 2]).buckets == 2
    assert sorted(data.part([9, 2]).batch(0, 2, seed=0).indices) == [0, 1]


def test_lines_too_many_to_keep_have_the_same_batches(data: LineData) -> None:
    streamed, config = lines(buckets=3, kept=0), TrainingConfig(batch_size=4, augment=True)
    assert torch.equal(streamed.inked, data.inked)
    for step in (0, 5, 8):
        one, two = BatchMaker(data, config)(step), BatchMaker(streamed, config)(step)
        assert torch.equal(one.images, two.images)
        assert one.indices == two.indices


@pytest.mark.parametrize("buckets", [-1, 25])
def test_numbers_that_cannot_be_are_refused(buckets: int) -> None:
    with pytest.raises(ArgumentError, match=rf"buckets is {buckets} for 24 lines; give 0 for batches of one width"):
        lines(buckets=buckets)


# ---------------------------------------------------------------------- pictures


@pytest.mark.parametrize("augmented", [False, True])
def test_a_narrow_batch_is_the_wide_one_without_its_paper(augmented: bool, data: LineData) -> None:
    config = TrainingConfig(batch_size=4, augment=augmented, seed=2)
    make, widths = BatchMaker(data, config), []
    for step in range(18):
        batch, full = make(step), data.batch(step, 4, seed=2)
        wide = full.images
        if augmented:
            wide = draw_changes(4, torch.Generator().manual_seed(2 * 7_919 + step)).apply(wide)
        width = batch.images.shape[-1]
        assert batch.indices == full.indices
        assert torch.equal(batch.images, wide[..., :width])
        assert torch.count_nonzero(wide[..., width:]) == 0, "ink was cut off"
        assert width % WIDE.columns_per_frame == 0
        widths.append(width)
    assert min(widths) < WIDE.width / 2
    assert len(set(widths)) > 2


def test_processes_agree_on_the_width(data: LineData) -> None:
    config = TrainingConfig(batch_size=5, augment=True)
    for step in range(8):
        whole = BatchMaker(data, config)(step).images
        parts = [BatchMaker(data, config, process=(rank, 2))(step).images for rank in (0, 1)]
        assert {part.shape[-1] for part in parts} == {whole.shape[-1]}
        for rank, part in enumerate(parts):
            torch.testing.assert_close(part, whole[rank::2])


def test_a_label_with_more_letters_than_its_ink_has_frames_still_teaches() -> None:
    text = "mm" * 9
    data = LineData(SyntheticLines([text], TRAINING_HANDS, 2, 0), WIDE, CHARSET, buckets=1)
    data._pixels[..., 40:] = 0  # hardly any ink for so many letters
    data.inked = inked_columns(data._pixels)
    width = BatchMaker(data, TrainingConfig(batch_size=2))(0).images.shape[-1]
    frames = WIDE.frames(width)
    assert frames == frames_needed(text) > WIDE.frames(40)
    logits = torch.zeros(frames, 2, CHARSET.size, requires_grad=True)
    ctc_term(logits, [text, text], CHARSET).backward()
    assert logits.grad.abs().sum() > 0


# ---------------------------------------------------------------------- runs


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    data = tiny_data(buckets=2)
    tiny_trainer(data, tmp_path / "whole").run()
    tiny_trainer(data, tmp_path / "parts").run(until=3)
    torch.rand(5)
    assert tiny_trainer(data, tmp_path / "parts").run().resumed_from == 3
    assert differences(tmp_path / "whole", tmp_path / "parts") == []


def test_the_broken_arm_is_ctc_alone_to_the_bit() -> None:
    from tiny_runs import tiny_model

    from gradcheck_lm.lab.training.terms import labelled
    from gradcheck_lm.lab.training.trainer import Trainer

    data = tiny_data(buckets=2)
    broken = tiny_trainer(data, None, penalty="argmax")
    alone = Trainer(tiny_model(), labelled(CHARSET, None, 0.0), data, broken.config)
    fixed = tiny_trainer(data, None)
    for trainer in (broken, alone, fixed):
        trainer.run()
    assert same_weights(broken.bare, alone.bare)
    assert not same_weights(fixed.bare, alone.bare)


def test_a_state_belongs_to_its_buckets_and_one_from_before_there_were_any_goes_on(tmp_path: Path) -> None:
    trainer = tiny_trainer(tiny_data(), tmp_path)
    assert not {"buckets", "fused", "compile", "prefetch"} & set(trainer._identity())
    trainer.run(until=2)
    with pytest.raises(CheckpointError, match=r"other settings \(buckets was None, is 2\)"):
        tiny_trainer(tiny_data(buckets=2), tmp_path).run()
    assert tiny_trainer(tiny_data(), tmp_path).run().resumed_from == 2


def test_the_smallest_recogniser_reads_what_buckets_give(data: LineData) -> None:
    from gradcheck_lm.htr.crnn import CRNN

    torch.manual_seed(0)
    batch = BatchMaker(data, TrainingConfig(batch_size=4))(1)
    assert CRNN(WIDE)(batch.images).shape == (WIDE.frames(batch.images.shape[-1]), 4, CHARSET.size)
    assert SMALLEST.width == 64  # what the runs above use: narrower ones must fit into it too
