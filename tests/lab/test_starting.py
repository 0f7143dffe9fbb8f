"""What the recogniser before adaptation reads is worked out once for all arms, with the same bits."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny_runs import CHARSET, Vowels, tiny_data, tiny_model
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.adapting.adapt import Adapted, adapt, adaptation_config, same_weights
from gradcheck_lm.lab.comparing.experiments import Bench, train_arm
from gradcheck_lm.lab.config import Arm, ComparisonConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.reading import measure
from gradcheck_lm.lab.training.starting import MOST, KnownLogits, StartLogits

ARMS = (Arm("ctc"), Arm("policy_gradient", "policy_gradient", 1.0, {"objective": "ratio", "samples": 2}))


@pytest.fixture
def read() -> Iterator[list[nn.Module]]:
    """The recognisers that read a batch, in order."""
    found: list[nn.Module] = []
    hook = register_module_forward_hook(lambda module, *_: found.append(module) if isinstance(module, CRNN) else None)
    yield found
    hook.remove()


def adapted(arm: Arm, data: LineData, started: KnownLogits | None) -> Adapted:
    return adapt(tiny_model().eval(), CHARSET, data, Vowels(), arm, adaptation_config(6, 4), started=started)  # type: ignore[arg-type]


def test_the_second_arm_asks_the_start_nothing_and_ends_with_the_same_bits(read: list[nn.Module]) -> None:
    data = tiny_data()
    apart = [adapted(arm, data, None) for arm in ARMS]
    calls = len(read)
    read.clear()
    started: KnownLogits = {}
    together = [adapted(arm, data, started) for arm in ARMS]
    assert calls == 2 * 2 * 6  # two arms, start and recogniser, six steps
    assert len(read) == calls - 6
    assert len(started) == 6
    for one, other in zip(apart, together, strict=True):
        assert same_weights(one.model, other.model)
        assert [record["terms"] for record in one.result.records] == [r["terms"] for r in other.result.records]
    assert [found.weights_unchanged for found in together] == [True, False]


def test_other_pictures_of_the_same_lines_are_read_anew() -> None:
    start, data = tiny_model().eval(), tiny_data()
    reader = StartLogits(start, {})
    batch = data.take(range(3))
    first = reader(batch)
    assert reader(batch) is first
    assert not first.requires_grad
    slanted = copy.copy(batch)
    object.__setattr__(slanted, "images", batch.images.flip(-1))
    assert torch.equal(reader(slanted), start(slanted.images))
    assert not torch.equal(reader(slanted), first)


def test_no_more_than_so_many_batches_are_kept() -> None:
    started: KnownLogits = {}
    reader, data = StartLogits(tiny_model().eval(), started), tiny_data()
    for step in range(MOST + 3):
        reader(data.take([step % 12, step // 12]))
    assert len(started) == MOST


def test_the_arms_of_a_comparison_share_them(tmp_path: Path) -> None:
    data, config = tiny_data(), ComparisonConfig(batch_size=4, steps=3)
    bench = Bench(tiny_model().eval(), CHARSET, Vowels(), data, data, config, tmp_path, lambda *_: None)  # type: ignore[arg-type]
    train_arm(bench, "new_hand", ARMS[0])
    kept = dict(bench.started)
    train_arm(bench, "new_hand", ARMS[1])
    assert len(kept) == 3
    assert bench.started.keys() == kept.keys(), "the second arm sees the same lines"
    assert all(bench.started[lines] is found for lines, found in kept.items())


def test_an_arm_that_has_not_moved_is_not_read_again_for_the_curve(read: list[nn.Module]) -> None:
    data, model = tiny_data(), tiny_model().eval()
    bench = Bench(model, CHARSET, Vowels(), data, data, ComparisonConfig(batch_size=4), None, None)  # type: ignore[arg-type]
    third = data.first(4)
    probe = bench.probe(measure(model, data, CHARSET).characters)
    read.clear()
    figures = [probe(copy.deepcopy(model)) for _ in range(3)]
    assert len(read) == 1
    assert figures == [figures[0]] * 3
    assert figures[0]["cer"] == measure(model, third, CHARSET).cer
    moved = copy.deepcopy(model)
    with torch.no_grad():
        moved.get_parameter("head.1.bias").add_(torch.linspace(-3, 3, CHARSET.size))
    assert probe(moved)["cer"] == measure(moved, third, CHARSET).cer != figures[0]["cer"]
