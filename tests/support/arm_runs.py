"""Short runs of an experiment's arms: a small recogniser, twelve lines, and a trainer for an arm's penalty."""

from __future__ import annotations

import copy

import torch
from torch import nn

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.lab.config import Arm, TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer
from gradcheck_lm.lm import LanguageModel
from gradcheck_lm.penalties import make_penalty

CHARSET = Charset.standard()
TINY = CRNNConfig(
    name="tiny", height=32, width=128, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=1, lstm_hidden=16,
    lstm_dropout=0.0, head_dropout=0.2, classes=CHARSET.size,
)  # fmt: skip


def arm_data() -> LineData:
    words = ["the cat sat", "on a mat", "and read", "some lines", "of ink"]
    return LineData(SyntheticLines(words, TRAINING_HANDS, 12, 0), TINY, CHARSET)


def arm_model() -> CRNN:
    torch.manual_seed(3)
    net = CRNN(TINY)
    with torch.no_grad():
        # a fresh recogniser reads nothing but blanks; a little less bias for the blank makes it read something
        net.get_submodule(_output_layer(net)).bias[0] -= 1.5
    return net


def _output_layer(net: nn.Module) -> str:
    layers = [name for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    return layers[-1]


def config(**changes: object) -> TrainingConfig:
    return TrainingConfig(**{"steps": 4, "batch_size": 4, "seed": 5, "schedule": "constant", **changes})  # type: ignore[arg-type]


def train(net: nn.Module, arm: Arm, data: LineData, lm: LanguageModel, settings: TrainingConfig, **more) -> tuple:
    penalty = make_penalty(arm.penalty, lm, CHARSET, seed=1, **arm.options) if arm.penalty else None
    generators = {"penalty": penalty.generator} if penalty else {}
    trainer = Trainer(
        copy.deepcopy(net), labelled(CHARSET, penalty, arm.weight), data, settings, generators=generators, **more
    )
    return trainer.model, trainer
