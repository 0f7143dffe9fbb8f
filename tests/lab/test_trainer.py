"""The instrumented trainer: what is equal to the bit, what its records say, and runs that resume."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from arm_runs import CHARSET, arm_data, arm_model, config, train
from torch import nn

from gradcheck_lm.errors import ArgumentError, CheckpointError, RunError
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.adapting.adapt import same_weights
from gradcheck_lm.lab.config import Arm, with_labels_arms
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import StepTerms, labelled
from gradcheck_lm.lab.training.trainer import METRICS, STATE, Trainer
from gradcheck_lm.lm import LanguageModel, load_language_model


@pytest.fixture(scope="module")
def language_model() -> LanguageModel:
    return load_language_model("char", device="cpu")


@pytest.fixture(scope="module")
def data() -> LineData:
    return arm_data()


@pytest.fixture
def model() -> CRNN:
    return arm_model()


def test_same_seed_same_bits_other_seed_other_bits(model: CRNN, data: LineData, language_model: LanguageModel) -> None:
    arm = with_labels_arms()["policy_gradient"]
    nets = []
    for seed in (5, 5, 6):
        torch.rand(seed)  # whatever was drawn before does not matter
        net, trainer = train(model, arm, data, language_model, config(seed=seed))
        trainer.run()
        nets.append(net)
    assert same_weights(nets[0], nets[1])
    assert not same_weights(nets[0], nets[2])


@pytest.mark.parametrize("name", ["ctc", "policy_gradient", "gumbel_softmax"])
def test_an_interrupted_run_ends_with_the_same_bits(
    name: str, tmp_path: Path, model: CRNN, data: LineData, language_model: LanguageModel
) -> None:
    arm = with_labels_arms()[name]
    settings = config(steps=6, augment=True)
    whole, trainer = train(model, arm, data, language_model, settings, folder=tmp_path / "whole")
    trainer.run()
    _, trainer = train(model, arm, data, language_model, settings, folder=tmp_path / "parts")
    trainer.run(until=2)
    torch.rand(17)  # another program state in between
    parts, trainer = train(model, arm, data, language_model, settings, folder=tmp_path / "parts")
    result = trainer.run()
    assert result.resumed_from == 2
    assert same_weights(whole, parts)

    def records(folder: Path) -> list[dict]:
        rows = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
        measured = ("seconds", "peak_memory_mb", "data_wait")
        return [{k: v for k, v in row.items() if k not in measured} for row in rows]

    assert records(tmp_path / "parts") == records(tmp_path / "whole")


def test_another_runs_state_is_refused(
    tmp_path: Path, model: CRNN, data: LineData, language_model: LanguageModel
) -> None:
    _, trainer = train(model, Arm("ctc"), data, language_model, config(), folder=tmp_path)
    trainer.run()
    _, other = train(model, Arm("ctc"), data, language_model, config(learning_rate=0.5), folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"learning_rate was 0\.001, is 0\.5"):
        other.run()
    (tmp_path / STATE).write_bytes(b"not a checkpoint")
    _, trainer = train(model, Arm("ctc"), data, language_model, config(), folder=tmp_path)
    with pytest.raises(CheckpointError, match="damaged"):
        trainer.run()


def test_records_say_what_each_term_did(model: CRNN, data: LineData, language_model: LanguageModel) -> None:
    settings = config(attribute_every=2)
    for name in ("argmax", "policy_gradient"):
        _, trainer = train(model, with_labels_arms()[name], data, language_model, settings)
        result = trainer.run()
        measured = [record["terms"] for record in result.records if "gradient_norm" in record["terms"]["lm"]]
        assert len(measured) == 2
        for terms in measured:
            assert terms["ctc"]["gradient_norm"] > 0
            assert set(terms["ctc"]["modules"]) == {name.split(".")[0] for name, _ in model.named_parameters()}
            if name == "argmax":
                assert terms["lm"]["gradient_norm"] == 0.0
                assert terms["lm"]["share"] == 0.0
                assert terms["lm"]["cosine"] is None
                assert terms["lm"]["requires_grad"] is False
            else:
                assert terms["lm"]["gradient_norm"] > 0
                assert -1 <= terms["lm"]["cosine"] <= 1


def test_measuring_changes_no_bit(model: CRNN, data: LineData, language_model: LanguageModel) -> None:
    arm = with_labels_arms()["soft_embedding"]
    nets = []
    for every in (0, 1):
        net, trainer = train(model, arm, data, language_model, config(attribute_every=every))
        trainer.run()
        nets.append(net)
    assert same_weights(*nets)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, model: CRNN, data: LineData) -> None:
    good: Callable = labelled(CHARSET, None, 0.0)
    calls = []

    def terms(net: nn.Module, batch) -> StepTerms:
        calls.append(1)
        found = good(net, batch)
        factor = float("nan") if len(calls) == 3 else 1.0
        return StepTerms({**found.terms, "shortcut": found.terms["shortcut"] * factor})

    trainer = Trainer(copy.deepcopy(model), terms, data, config(checkpoint_every=1), folder=tmp_path)
    with pytest.raises(RunError, match=r"step 3: the loss is nan \(terms: shortcut; lines"):
        trainer.run()
    assert len((tmp_path / METRICS).read_text().splitlines()) == 2
    assert (tmp_path / STATE).exists()


def test_every_epoch_sees_every_line_once(data: LineData) -> None:
    seen = [i for step in range(3) for i in data.batch(step, 4, seed=0).indices]
    assert sorted(seen) == list(range(12))
    assert data.batch(3, 4, seed=0).indices != data.batch(0, 4, seed=0).indices
    halves = [data.batch(1, 4, seed=0, rank=rank, world=2).indices for rank in (0, 1)]
    assert sorted(halves[0] + halves[1]) == sorted(data.batch(1, 4, seed=0).indices)


def test_precision_can_change_from_run_to_run(model: CRNN, data: LineData) -> None:
    finals = []
    for precision in ("no", "bf16", "no"):
        trainer = Trainer(
            copy.deepcopy(model), labelled(CHARSET, None, 0.0), data, config(steps=1, mixed_precision=precision)
        )
        assert trainer.accelerator.mixed_precision == precision
        trainer.run()
        finals.append(trainer.model)
    assert same_weights(finals[0], finals[2])
    assert not same_weights(finals[0], finals[1])


def test_accelerates_trackers_get_every_terms_figures(model: CRNN, data: LineData) -> None:
    from accelerate import Accelerator
    from accelerate.tracking import GeneralTracker

    class Memory(GeneralTracker):
        name = "memory"
        requires_logging_directory = False
        main_process_only = False

        def __init__(self) -> None:
            super().__init__()
            self.settings: dict = {}
            self.rows: list[tuple[int, dict]] = []

        @property
        def tracker(self) -> list:
            return self.rows

        def store_init_configuration(self, values: dict) -> None:
            self.settings = values

        def log(self, values: dict, step: int | None = None, **_: object) -> None:
            self.rows.append((step or 0, values))

    memory = Memory()
    settings = config(steps=2, attribute_every=1, trackers=("memory",))
    accelerator = Accelerator(log_with=[memory], cpu=True)
    Trainer(copy.deepcopy(model), labelled(CHARSET, None, 0.0), data, settings, accelerator=accelerator).run()
    assert [step for step, _ in memory.rows] == [1, 2]
    assert memory.settings["steps"] == 2
    for _, values in memory.rows:
        assert values["ctc/gradient_norm"] > 0
        assert values["total"] == pytest.approx(values["ctc/value"] + values["shortcut/value"])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("learning_rate", 0.0, "learning_rate is 0.0; it must be a number above 0"),
        ("learning_rate", float("nan"), "learning_rate is nan"),
        ("epsilon", -1e-8, "epsilon is -1e-08; it must be a number above 0"),
        ("weight_decay", -0.1, "weight_decay is -0.1; it must be at least 0"),
        ("weight_decay", float("inf"), "weight_decay is inf"),
        ("clip_norm", 0.0, "clip_norm is 0.0; it must be a number above 0"),
        ("warmup", -1, "warmup is -1; it counts steps and must be at least 0"),
        ("checkpoint_every", -1, "checkpoint_every is -1"),
        ("attribute_every", -1, "attribute_every is -1"),
        ("prefetch", -1, "prefetch is -1; it counts batches made ahead and must be at least 0"),
        ("mixed_precision", "fp8", "mixed_precision is 'fp8'; choose no, bf16 or fp16"),
    ],
)
def test_settings_that_cannot_work_are_refused(name: str, value: object, told: str) -> None:
    with pytest.raises(ArgumentError) as seen:
        config(**{name: value})
    assert told in str(seen.value)
