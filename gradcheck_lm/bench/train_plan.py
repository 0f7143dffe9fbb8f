"""What the training benchmark measures, and how a step of ours is taken for it."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.bench.peak import Probes
from gradcheck_lm.bench.timing import Timings
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CONFIGS, CRNN, CRNNConfig
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.graphs import install, of_two_streams
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often."""

    device: torch.device
    repeats: int
    recogniser: CRNNConfig = CONFIGS["full"]
    laptop: CRNNConfig = CONFIGS["small"]  # whose steps are short, so that their lines weigh most
    batch: int = 16
    batches: int = 6  # of the epoch that buckets are measured on
    buckets: int = 6
    steps: int = 5  # of a run whose waiting is measured
    laptop_steps: int = 40
    compile: bool = True
    probes: Probes | None = None  # None: large enough for the device


class Contestant:
    """Our trainer's own step, with everything that it does, on lines held in memory and not augmented."""

    def __init__(self, model: CRNN, data: LineData, plan: Plan, **options: Any) -> None:
        precision = options.get("mixed_precision", "no")
        config = TrainingConfig(batch_size=plan.batch, schedule="constant", **options)
        self.model = copy.deepcopy(model)
        self.trainer = Trainer(
            self.model, labelled(data.charset, None, 0.0), data, config,
            accelerator=make_accelerator(TrainingConfig(mixed_precision=precision), None, plan.device),
        )  # fmt: skip
        self.trainer.model.train()
        if config.graphs:  # for good, as `run` has them for a run
            self.trainer.graphs = install(self.trainer.bare)
        self.make = BatchMaker(data, config, device=plan.device)
        self.count = 0

    def step(self) -> None:
        """The next step."""
        with of_two_streams():
            self.trainer.step(self.count, self.make(self.count))
        self.count += 1


def lines_of(config: CRNNConfig, count: int, **options: Any) -> LineData:
    """Synthetic lines of help texts in the training hands."""
    charset = Charset.standard()
    texts = load_sentences("stdlib", charset=charset, split="train")
    return LineData(SyntheticLines(texts, TRAINING_HANDS, count, 0), config, charset, **options)


def rates(timings: Timings, lines: int) -> dict[str, dict[str, float]]:
    """Seconds of a step and lines a second, of each contestant."""
    return {
        name: {"seconds": timings.median(name), "lines_per_second": lines / timings.median(name)}
        for name in timings.seconds
    }


def reduced(plan: Plan) -> Plan:
    """The same without what takes long and says little: for a benchmark that has other things to do."""
    return dataclasses.replace(plan, compile=False, steps=3, laptop_steps=10, batches=3)
