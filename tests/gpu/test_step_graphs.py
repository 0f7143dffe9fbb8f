"""Steps replayed from CUDA graphs: the numbers of the plain step, the same bits every time, nothing left behind."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import differences, tiny_data

from gradcheck_lm.errors import RunError
from gradcheck_lm.htr import build_crnn
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.text import load_sentences
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
    config = TrainingConfig(**{**options, **settings})  # type: ignore[arg-type]
    return Trainer(
        build_crnn("small", classes=CHARSET.size), labelled(CHARSET, None, 0.0), lines, config, folder=folder,
        accelerator=make_accelerator(config, None, "cuda"),
    )  # fmt: skip


def test_two_runs_end_with_the_same_bits_measured_or_not_and_interrupted_or_not(
    tmp_path: Path, lines: LineData
) -> None:
    trainer(lines, tmp_path / "one").run()
    trainer(lines, tmp_path / "two").run()
    assert differences(tmp_path / "one", tmp_path / "two") == []
    trainer(lines, tmp_path / "three").run(until=2)
    torch.rand(3, device="cuda")
    assert trainer(lines, tmp_path / "three").run().resumed_from == 2
    assert differences(tmp_path / "one", tmp_path / "three") == []
    measured = trainer(lines, tmp_path / "four", attribute_every=2)
    rows = measured.run().records
    weights = trainer(lines, None)
    weights.run()
    assert all(map(torch.equal, weights.bare.parameters(), measured.bare.parameters()))
    plain = trainer(lines, None, attribute_every=2, graphs=False).run().records
    for row, other in zip(rows, plain, strict=True):
        for name, term in row["terms"].items():
            if "gradient_norm" in term:
                assert term["gradient_norm"] == pytest.approx(other["terms"][name]["gradient_norm"], rel=1e-3)
                assert term.get("cosine") == pytest.approx(other["terms"][name].get("cosine"), abs=1e-3)


@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
@pytest.mark.parametrize("train_mode", [True, False])
def test_a_replayed_step_gives_the_numbers_of_the_plain_one(lines: LineData, precision: str, train_mode: bool) -> None:
    found = {}
    for graphs in (True, False):
        one = trainer(lines, None, graphs=graphs, mixed_precision=precision, train_mode=train_mode)
        for module in one.bare.modules():  # masks come from other numbers in a graph
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        one.bare.recurrent.dropout = 0.0
        records = one.run().records
        found[graphs] = [row["total"] for row in records], copy.deepcopy(one.bare.state_dict())
        assert "forward" not in vars(one.bare) or precision != "no"
        assert not one.bare._forward_hooks
    (losses, state), (others, other_state) = found[True], found[False]
    assert losses == pytest.approx(others, rel=1e-4 if precision == "no" else 2e-2)
    for name, value in state.items():
        if "running" in name or "num_batches" in name:
            torch.testing.assert_close(value, other_state[name], rtol=1e-2, atol=1e-3)


def test_lines_of_several_widths_go_without(tmp_path: Path) -> None:
    data = tiny_data(buckets=2)
    config = TrainingConfig(steps=2, batch_size=4)
    one = Trainer(
        build_crnn("small"),
        labelled(CHARSET, None, 0.0),
        data,
        config,
        accelerator=make_accelerator(config, None, "cuda"),
    )
    assert not one.wants_graphs


def test_what_cannot_be_captured_is_told(
    lines: LineData, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", refuse)
    with pytest.raises(RunError, match=r"cannot be captured as a CUDA graph \(operation not permitted .*--graphs"):
        trainer(lines, None, graphs=True).run()
    with caplog.at_level(logging.WARNING):
        assert len(trainer(lines, None).run().records) == 4
    assert caplog.text.count("cannot be captured") == 1
