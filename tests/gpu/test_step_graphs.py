"""Steps replayed from CUDA graphs: the numbers of the plain step, the same bits every time, nothing left behind."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import differences

from gradcheck_lm.htr import build_crnn
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator

pytestmark = pytest.mark.gpu
CHARSET = Charset.standard()


@pytest.fixture(scope="module")
def lines() -> LineData:
    texts = load_sentences("stdlib", charset=CHARSET, split="train")
    return LineData(SyntheticLines(texts, TRAINING_HANDS, 12, 0), build_crnn("small").config, CHARSET)


def trainer(lines: LineData, folder: Path | None = None, **settings: Any) -> Trainer:
    torch.manual_seed(0)
    options = {"steps": 4, "batch_size": 4, "schedule": "constant", "deterministic": True, "checkpoint_every": 1}
    config = TrainingConfig(**{**options, "graphs": True, **settings})  # type: ignore[arg-type]
    return Trainer(
        build_crnn("small", classes=CHARSET.size), labelled(CHARSET, None, 0.0), lines, config, folder=folder,
        accelerator=make_accelerator(config, None, "cuda"),
    )  # fmt: skip


@pytest.mark.parametrize("graphs", [True, False])
def test_two_runs_end_with_the_same_bits_interrupted_or_not(tmp_path: Path, lines: LineData, graphs: bool) -> None:
    trainer(lines, tmp_path / "one", graphs=graphs).run()
    trainer(lines, tmp_path / "two", graphs=graphs).run()
    assert differences(tmp_path / "one", tmp_path / "two") == []
    trainer(lines, tmp_path / "three", graphs=graphs).run(until=2)
    torch.rand(3, device="cuda")
    assert trainer(lines, tmp_path / "three", graphs=graphs).run().resumed_from == 2
    assert differences(tmp_path / "one", tmp_path / "three") == []


def test_measured_steps_go_the_plain_way(lines: LineData) -> None:
    one, two = (trainer(lines, attribute_every=2, graphs=graphs).run().records[0]["terms"] for graphs in (True, False))
    assert one == two


@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
@pytest.mark.parametrize("train_mode", [True, False])
def test_a_replayed_step_gives_the_numbers_of_the_plain_one(lines: LineData, precision: str, train_mode: bool) -> None:
    found = {}
    for graphs in (True, False):
        one = trainer(lines, graphs=graphs, mixed_precision=precision, train_mode=train_mode)
        for module in one.bare.modules():  # masks come from other numbers in a graph
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        one.bare.recurrent.dropout = 0.0
        losses = [row["total"] for row in one.run().records]
        found[graphs] = losses, copy.deepcopy(one.bare.state_dict())
        assert "forward" not in vars(one.bare) or precision != "no"
    (losses, state), (others, other_state) = found[True], found[False]
    assert losses == pytest.approx(others, rel=1e-4 if precision == "no" else 2e-2)
    for name, value in state.items():
        if "running" in name or "num_batches" in name:
            torch.testing.assert_close(value, other_state[name], rtol=1e-2, atol=1e-3)
