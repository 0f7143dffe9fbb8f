"""Which mode each layer of the recogniser is in while it is adapted, looked at and diagnosed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from tiny_runs import CHARSET, SMALLEST, Vowels, tiny_data
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

import gradcheck_lm
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.adapting.adapt import adapt, adaptation_config
from gradcheck_lm.lab.comparing.experiments import Bench, _cosine_at_the_start
from gradcheck_lm.lab.config import Arm, ComparisonConfig
from gradcheck_lm.lab.measuring.reading import measure
from gradcheck_lm.lab.training.terms import ctc_term

# as large as the dropouts between the LSTM's layers and before the heads can be told from none
CONFIG = replace(SMALLEST, lstm_layers=2, lstm_dropout=0.5, head_dropout=0.5)
ARM = Arm("policy_gradient", "policy_gradient", 1.0, {"objective": "ratio", "samples": 2})


class Modes:
    """What was seen of the layers' modes in forward passes that a gradient can be asked of."""

    def __init__(self) -> None:
        self.lstm: set[tuple[bool, float]] = set()
        self.others: set[tuple[str, bool]] = set()

    def look(self, module: nn.Module, _: object) -> None:
        if not torch.is_grad_enabled():
            return
        if isinstance(module, nn.LSTM):
            self.lstm.add((module.training, module.dropout))
        elif isinstance(module, nn.BatchNorm2d | nn.Dropout):
            self.others.add((type(module).__name__, module.training))

    @property
    def frozen(self) -> bool:
        """cuDNN can differentiate the LSTM, and everything that a mode changes is frozen."""
        return self.lstm == {(True, 0.0)} and self.others == {("BatchNorm2d", False), ("Dropout", False)}


@pytest.fixture
def modes() -> Iterator[Modes]:
    found = Modes()
    hook = register_module_forward_pre_hook(found.look)
    yield found
    hook.remove()


@pytest.fixture
def model() -> CRNN:
    torch.manual_seed(3)
    return CRNN(CONFIG).eval()


def test_while_adapting_all_is_frozen_and_the_lstm_differentiable(model: CRNN, modes: Modes) -> None:
    data = tiny_data()
    config = replace(adaptation_config(3, 4), attribute_every=1)

    def probe(now: nn.Module) -> dict[str, float]:
        return {"cer": measure(now, data, CHARSET).cer}  # reading puts the modes of training aside, and back

    adapted = adapt(model, CHARSET, data, Vowels(), ARM, config, probe=probe, probe_every=1)  # type: ignore[arg-type]
    assert len(adapted.result.records) == 3
    assert modes.frozen, (modes.lstm, modes.others)
    assert adapted.model.recurrent.dropout == model.recurrent.dropout == 0.5
    assert not any(part.training for part in adapted.model.modules())


def test_the_look_at_the_start_is_taken_in_the_same_mode(model: CRNN, modes: Modes) -> None:
    data = tiny_data()
    bench = Bench(
        model, CHARSET, Vowels(), data, data, ComparisonConfig(batch_size=4), None, None  # type: ignore[arg-type]
    )  # fmt: skip
    assert _cosine_at_the_start(bench, ARM) is not None
    assert modes.frozen, (modes.lstm, modes.others)


def test_a_diagnosis_of_a_frozen_recogniser_leaves_it_as_it_was(model: CRNN, modes: Modes) -> None:
    batch = tiny_data().take(range(2))
    assert batch.texts is not None
    texts = batch.texts

    def step() -> dict[str, torch.Tensor]:
        logits = model(batch.images)
        return {"ctc": ctc_term(logits, texts, CHARSET), "lm": logits.argmax(2).float().mean()}

    diagnosis = gradcheck_lm.diagnose(step, wrt=dict(model.recurrent.named_parameters()))
    assert [finding.kind for finding in diagnosis.findings] == ["discrete_op"]
    assert modes.frozen, (modes.lstm, modes.others)
    assert model.recurrent.dropout == 0.5
    assert not any(part.training for part in model.modules())


def test_in_training_nothing_is_frozen(model: CRNN, modes: Modes) -> None:
    model.train()(tiny_data().take(range(2)).images, with_shortcut=True)
    assert modes.lstm == {(True, 0.5)}
    assert modes.others == {("BatchNorm2d", True), ("Dropout", True)}
