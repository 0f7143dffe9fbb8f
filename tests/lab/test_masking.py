"""Strips, blots and bending: drawn from the seed alone, inside the ink, and the same in any company."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import CHARSET
from torch import Tensor

from gradcheck_lm.htr.crnn import CRNNConfig
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lab.lines.buckets import inked_columns
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.lines.masking import BLOTS, STRIPS, Masks, draw_masks

HEIGHT, WIDTH = 64, 320
WIDE = CRNNConfig(
    name="wide", height=32, width=256, stem_channels=2, groups=((1, 2), (1, 4)), lstm_layers=1, lstm_hidden=4,
    lstm_dropout=0.0, head_dropout=0.0, classes=CHARSET.size,
)  # fmt: skip


def masks(count: int = 3, seed: int = 0) -> Masks:
    return draw_masks(count, HEIGHT, WIDTH, torch.Generator().manual_seed(seed))


def still(count: int) -> Masks:
    """Nothing at all."""
    return Masks(torch.zeros(count, STRIPS, 2), torch.zeros(count, BLOTS, 4), torch.zeros(count, 2, 3, 11))


def lines(count: int = 3) -> Tensor:
    pictures = torch.zeros(count, 1, HEIGHT, WIDTH)
    pictures[..., 10:54, :200] = 0.5
    return pictures


def test_nothing_drawn_changes_nothing() -> None:
    torch.testing.assert_close(still(3).apply(lines()), lines(), atol=1e-4, rtol=0)


def test_a_strip_hides_its_columns_and_no_others() -> None:
    found = still(1)
    found.strips[0, 0] = torch.tensor([0.5, 16.0])
    hidden = (found.apply(lines(1)) == 0).all(2)[0, 0, :200]
    assert int(hidden.sum()) == 16
    assert hidden[92:108].all(), "in the middle of 200 columns"


def test_no_strip_hides_more_than_an_eighth_of_a_short_line() -> None:
    found = still(1)
    found.strips[0, 0] = torch.tensor([0.0, 40.0])
    pictures = lines(1)
    pictures[..., 80:] = 0
    assert int((found.apply(pictures) == 0).all(2)[0, 0, :80].sum()) == 10


def test_a_blot_is_dark_in_its_middle_and_ends_with_the_ink() -> None:
    found = still(1)
    found.blots[0, 0] = torch.tensor([0.98, 0.1, 0.2, 0.9])  # its middle is 4 columns from the end of the ink
    picture = found.apply(lines(1))[0, 0]
    assert picture[6, 196] == pytest.approx(0.9, abs=0.01)
    assert not picture[:, 201:].any()


def test_bending_moves_ink_by_no_more_than_it_says() -> None:
    for seed in range(20):
        found = masks(8, seed)
        wide = inked_columns((found.apply(lines(8)) > 1e-3).float())
        assert (wide <= 200 + found.reach).all()
    assert not masks(1).apply(lines(1)).equal(still(1).apply(lines(1)))


def test_a_share_of_a_batch_is_masked_as_it_is_in_the_whole() -> None:
    whole = masks(5).apply(lines(5))
    for rank in range(2):
        torch.testing.assert_close(masks(5).share(rank, 2).apply(lines(5)[rank::2]), whole[rank::2])


def test_draws_are_in_their_ranges_and_differ_by_line() -> None:
    found = masks(200)
    used = (found.strips[..., 1] > 0).sum(1)
    assert set(used.tolist()) == {2, 3, 4}
    assert set((found.blots[..., 2] > 0).sum(1).tolist()) == {0, 1, 2, 3}
    assert found.strips[..., 1][found.strips[..., 1] > 0].min() >= 10
    assert found.strips[..., 1].max() <= 40
    assert found.bend.abs().max() <= 4.5


def test_a_batch_depends_on_seed_and_step_alone_and_keeps_its_other_changes(data: LineData) -> None:
    config = TrainingConfig(batch_size=4, augment=True, masking=True, seed=3)
    make = BatchMaker(data, config)
    first, again, other = make(2).images, make(2).images, make(3).images
    assert first.equal(again)
    assert not first.equal(other)
    plain = BatchMaker(data, TrainingConfig(batch_size=4, augment=True, seed=3))(2).images
    # paper that strips and blots leave alone is as it was, up to the bending
    assert (first - plain).abs().median() < 0.05
    assert not first.equal(plain)


def test_a_narrow_batch_is_the_wide_one_without_its_paper() -> None:
    written = SyntheticLines(["a", "of ink", "the cat sat on"], TRAINING_HANDS, 24, 0)
    bucketed = LineData(written, WIDE, CHARSET, buckets=3)
    config = TrainingConfig(batch_size=4, augment=True, masking=True, seed=2)
    make, make_wide = BatchMaker(bucketed, config), BatchMaker(bucketed, config)
    make_wide._width = lambda *_: WIDE.width  # type: ignore[method-assign]
    narrower = 0
    for step in range(5):
        narrow, wide = make(step).images, make_wide(step).images
        kept = narrow.shape[-1]
        narrower += kept < WIDE.width
        assert narrow.equal(wide[..., :kept])
        assert not wide[..., kept:].any()
    assert narrower
