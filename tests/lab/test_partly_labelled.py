"""Batches with labelled and unlabelled lines: no label leaks, every term is that of its own lines."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig
from gradcheck_lm.htr.lines import Line
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.controls import make_control
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled, partly_labelled
from gradcheck_lm.lab.training.terms import ctc_term, labelled
from gradcheck_lm.lab.training.trainer import Trainer

CHARSET = Charset("ab ")
CONFIG = CRNNConfig(
    name="small",
    height=16,
    width=64,
    stem_channels=4,
    groups=((1, 4), (1, 8), (1, 8)),
    lstm_layers=1,
    lstm_hidden=8,
    lstm_dropout=0.0,
    head_dropout=0.1,
    classes=CHARSET.size,
)


def lines(texts: list[str], seed: int) -> LineData:
    generator = torch.Generator().manual_seed(seed)
    found = []
    for number, text in enumerate(texts):
        pixels = (torch.rand(16, 64, generator=generator) * 255).to(torch.uint8).numpy()
        found.append(Line(pixels, text, f"{seed}-{number}"))
    return LineData(found, CONFIG, CHARSET)


@pytest.fixture
def known() -> LineData:
    return lines(["ab", "ba", "a b"], 1)


@pytest.fixture
def others() -> LineData:
    return lines(["bb", "aa", "a", "b", "ab ab"], 2)


def model() -> CRNN:
    torch.manual_seed(0)
    return CRNN(CONFIG)


def test_a_batch_holds_both_kinds_and_no_label_of_the_unlabelled(known: LineData, others: LineData) -> None:
    mixed = PartlyLabelled(known, others, labelled_share=0.4)
    seen = set()
    for step in range(12):
        batch = mixed.batch(step, 5, seed=0)
        assert [text is not None for text in batch.texts] == [True, True, False, False, False]
        assert [mixed.texts[i] for i in batch.indices[:2]] == batch.texts[:2]
        assert all(i >= len(known) for i in batch.indices[2:])
        assert torch.equal(batch.images, mixed.pixels(batch.indices).float() / 255)
        seen |= set(batch.indices)
    assert seen == set(range(8)), "every line has its turn"
    assert not {"bb", "aa", "ab ab"} & set(mixed.texts), "the labels of the others are not even held"
    assert mixed.names == [*known.names, *others.names]


def test_readings_stand_where_the_labels_would(known: LineData, others: LineData) -> None:
    mixed = PartlyLabelled(known, others, readings=["a", "b", "a", "b", ""])
    batch = mixed.batch(0, 4, seed=0)
    assert [mixed.texts[i] for i in batch.indices] == batch.texts
    assert set(batch.texts[2:]) <= {"a", "b", ""}


@pytest.mark.parametrize(("size", "expected"), [(4, (2, 2)), (8, (3, 5)), (9, (3, 5)), (2, (1, 1))])
def test_where_a_kind_has_too_few_lines_the_other_fills_the_batch(
    known: LineData, others: LineData, size: int, expected: tuple[int, int]
) -> None:
    mixed = PartlyLabelled(known, others)
    batch = mixed.batch(0, size, seed=0)
    found = sum(i < len(known) for i in batch.indices), sum(i >= len(known) for i in batch.indices)
    assert found == expected == mixed.counts(size)
    assert PartlyLabelled(others, known).counts(size)[::-1] == ((3, 5) if size > 5 else expected)


def test_processes_share_a_batch_as_one_would_have_it(known: LineData, others: LineData) -> None:
    mixed = PartlyLabelled(known, others)
    whole = mixed.batch(3, 4, seed=1)
    parts = [mixed.batch(3, 4, seed=1, rank=rank, world=2) for rank in (0, 1)]
    assert whole.indices == [parts[i % 2].indices[i // 2] for i in range(4)]
    assert whole.texts == [parts[i % 2].texts[i // 2] for i in range(4)]
    assert torch.equal(whole.images[1::2], parts[1].images)


def test_ctc_is_of_the_labelled_lines_and_the_penalty_of_the_others(known: LineData, others: LineData) -> None:
    net, batch = model().eval(), PartlyLabelled(known, others).batch(0, 4, seed=0)
    control = make_control("entropy", CHARSET)
    found = partly_labelled(CHARSET, control, 0.5)(net, batch).terms
    logits = net(batch.images)
    torch.testing.assert_close(found["ctc"], ctc_term(logits[:, :2], batch.texts[:2], CHARSET))
    torch.testing.assert_close(found["lm"], 0.5 * control(logits[:, 2:]).loss)
    # changing an unlabelled picture leaves CTC as it is, and the other way round
    changed = torch.cat([batch.images[:2], 1 - batch.images[2:]])
    again = partly_labelled(CHARSET, control, 0.5)(net, type(batch)(changed, batch.texts, batch.indices)).terms
    assert torch.equal(again["ctc"], found["ctc"])
    assert not torch.equal(again["lm"], found["lm"])


@pytest.mark.parametrize("with_readings", [False, True])
def test_the_trainer_takes_them(known: LineData, others: LineData, with_readings: bool) -> None:
    config = TrainingConfig(steps=3, batch_size=4, schedule="constant", augment=True, attribute_every=1)
    net: nn.Module = model()
    mixed = PartlyLabelled(known, others, readings=["a"] * 5 if with_readings else None)
    entropy = partly_labelled(CHARSET, make_control("entropy", CHARSET), 1.0)
    terms = labelled(CHARSET, None, 0.0) if with_readings else entropy
    result = Trainer(net, terms, mixed, config).run()
    assert len(result.records) == 3
    if not with_readings:
        assert result.median("lm", "gradient_norm") > 0


def test_what_cannot_be_is_refused(known: LineData, others: LineData) -> None:
    with pytest.raises(ArgumentError, match=r"labelled_share is 1; it must be above 0 and below 1"):
        PartlyLabelled(known, others, labelled_share=1)
    with pytest.raises(ArgumentError, match=r"2 readings for 5 unlabelled lines: give one for each"):
        PartlyLabelled(known, others, readings=["a", "b"])
    with pytest.raises(ArgumentError, match=r"batch_size is 1; a labelled and an unlabelled line make at least 2"):
        PartlyLabelled(known, others).batch(0, 1, seed=0)


def test_a_part_of_the_lines_is_those_lines_kept_or_streamed(others: LineData) -> None:
    for data in (others, lines_streamed()):
        part = data.part([4, 0])
        assert part.texts == [data.texts[4], data.texts[0]]
        assert part.names == [data.names[4], data.names[0]]
        assert torch.equal(part.pixels([0, 1]), data.pixels([4, 0]))
        assert torch.equal(part.part([1]).pixels([0]), data.pixels([0]))


def lines_streamed() -> LineData:
    generator = torch.Generator().manual_seed(9)
    found = [
        Line((torch.rand(16, 64, generator=generator) * 255).to(torch.uint8).numpy(), "a", str(i)) for i in range(5)
    ]
    return LineData(found, CONFIG, CHARSET, kept=0)
