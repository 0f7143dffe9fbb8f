"""A training run of a second, with everything in it that has a state: dropout, augmentation, a penalty that samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled, partly_labelled
from gradcheck_lm.lab.training.terms import labelled, unlabelled
from gradcheck_lm.lab.training.trainer import METRICS, STATE, Trainer, make_accelerator
from gradcheck_lm.penalties import make_penalty

CHARSET = Charset("abcdefghijklmnopqrstuvwxyz ")
SMALLEST = CRNNConfig(
    name="tiny", height=32, width=64, stem_channels=2, groups=((1, 2), (1, 4)), lstm_layers=1, lstm_hidden=4,
    lstm_dropout=0.0, head_dropout=0.2, classes=CHARSET.size,
)  # fmt: skip
WORDS = ("the cat", "on a mat", "and so", "some ink", "of old")


class Vowels:
    """A language model in one line: a text is as dear as it is poor in vowels."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, texts: Any) -> Tensor:
        self.asked += len(texts)
        return torch.tensor([1.0 + sum(c not in "aeiou" for c in text) / max(1, len(text)) for text in texts])


def tiny_data(buckets: int = 0) -> LineData:
    return LineData(SyntheticLines(list(WORDS), TRAINING_HANDS, 12, 0), SMALLEST, CHARSET, buckets=buckets)


def tiny_model() -> CRNN:
    torch.manual_seed(3)
    model = CRNN(SMALLEST)
    with torch.no_grad():
        layers = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
        layers[-1].bias[0] -= 1.5  # a fresh recogniser reads nothing but blanks
    return model


def tiny_trainer(data: Any, folder: Path | None, *, steps: int = 8, penalty: str = "policy_gradient", **changes: Any):
    """A trainer of the tiny run; changes: of its configuration."""
    settings = {"batch_size": 4, "seed": 5, "schedule": "constant", "augment": True, "checkpoint_every": 1, **changes}
    options = {"lm_sample_ratio": 0.5} if penalty == "argmax" else {"samples": 3}
    teacher = make_penalty(penalty, Vowels(), CHARSET, objective="hinge", seed=1, **options)
    return Trainer(
        tiny_model(),
        labelled(CHARSET, teacher, 0.5),
        data,
        TrainingConfig(steps=steps, **settings),
        folder=folder,
        generators={"penalty": teacher.generator},
    )


# name -> (penalty, its options, with labels): what a batch's lines have in common differs from one to the next
CASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "baselines": ("policy_gradient", {"objective": "hinge", "samples": 3}, True),
    "positive_mean": ("policy_gradient", {"objective": "hinge", "samples": 3, "reduction": "positive_mean"}, True),
    "ratio": ("policy_gradient", {"objective": "ratio", "samples": 3, "normalise_advantage": True}, False),
    "story": ("argmax", {"objective": "score", "reduction": "positive_mean", "lm_sample_ratio": 0.5}, True),
    "risk": ("minimum_risk", {"objective": "score"}, True),
    "buckets": ("policy_gradient", {"objective": "hinge", "samples": 3}, True),
    "partly": ("policy_gradient", {"objective": "ratio", "samples": 3}, True),
}


def case_data(name: str) -> LineData:
    """The lines of a case; of one they are sorted by width, of one a part has labels."""
    if name == "partly":
        return PartlyLabelled(tiny_data().part(range(4)), tiny_data().part(range(4, 12)), labelled_share=0.4)
    return tiny_data(buckets=2 if name == "buckets" else 0)


def case_trainer(name: str, data: Any, *, language_model: Any, steps: int = 4) -> Trainer:
    """A trainer of five lines a step in which nothing random is left but what the penalty draws."""
    penalty, options, with_labels = CASES[name]
    teacher = make_penalty(penalty, language_model, CHARSET, seed=1, **options)
    model, start = tiny_model(), tiny_model().eval()
    if name == "partly":
        terms = partly_labelled(CHARSET, teacher, 0.5)
    elif with_labels:
        terms = labelled(CHARSET, teacher, 0.5)
    else:
        with torch.no_grad():  # away from the start, so that the anchor pulls
            model.get_parameter("head.1.bias").add_(torch.linspace(-1, 1, CHARSET.size))
        terms = unlabelled(start, CHARSET, teacher, 0.5)
    config = TrainingConfig(
        steps=steps, batch_size=5, seed=5, schedule="constant", augment=True, train_mode=False, attribute_every=1
    )
    accelerator = make_accelerator(config, unused=not with_labels)
    return Trainer(model, terms, data, config, accelerator=accelerator, generators={"penalty": teacher.generator})


def contents(folder: Path) -> tuple[dict[str, Tensor], dict[str, str], list[dict[str, Any]]]:
    """Everything that a run left: tensors and settings of its state, and its records without times."""
    with safe_open(str(folder / STATE), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata())
    rows = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    measured = ("seconds", "peak_memory_mb", "data_wait")
    return tensors, metadata, [{key: value for key, value in row.items() if key not in measured} for row in rows]


def differences(one: Path, two: Path) -> list[str]:
    """Where two runs differ in a bit; nothing where they do not."""
    (tensors, notes, rows), (others, other_notes, other_rows) = contents(one), contents(two)
    found = [
        name for name in tensors.keys() | others.keys()
        if name not in tensors or name not in others or not torch.equal(tensors[name], others[name])
    ]  # fmt: skip
    found += [key for key in notes.keys() | other_notes.keys() if notes.get(key) != other_notes.get(key)]
    return found + (["records"] if rows != other_rows else [])
