"""The study of pupils: one real hand, a tenth of its lines labelled, the others as a teacher reads them.

Every recogniser begins as the one that ships, with as many steps, as many labelled lines a step and the same changes of
the pictures. Its teacher is "labels alone" of the same seed, and in the second round a pupil of the first. A seed draws
which tenth is labelled, and the training.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.study.running.plan import Row, Run
from gradcheck_lm.bench.study.running.prose import PROSE, kept_ngram, prose
from gradcheck_lm.bench.study.running.real import FUSION_WEIGHT, LENGTH_BONUS, WIDTH
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.lines import LABELS
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.decoding import Decoding
from gradcheck_lm.lab.measuring.reading import labelled_lines
from gradcheck_lm.lab.training.controls import ScrambledLanguageModel
from gradcheck_lm.lab.training.train import widen
from gradcheck_lm.lm import NgramModel
from gradcheck_lm.lm.ngrams.interpolate import train_interpolated
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, train_ngram
from gradcheck_lm.lm.ngrams.ngram_file import save_ngram

SHARE = 0.1  # of the lines, whose labels are given
STEPS, BATCH = 2400, 16  # half of a batch is labelled; "labels alone" has that half
RATE = 2e-3
READINGS = 8  # of a line, in the arms with N of them
KEPT = 0.5  # of the lines, where they are selected
ALONE = "labels alone"
OWN = "own readings"
NBEST = "fused N-best"
ROWS: tuple[Row, ...] = (
    ("start", {"special": "start"}),
    (ALONE, {"batch_size": BATCH // 2}),
    (NBEST, {"special": "fused", "options": {"readings": READINGS}, "against": OWN}),
    (OWN, {"special": "greedy", "control": True}),
    (
        "fused N-best, scrambled 6-gram",
        {"special": "scrambled", "options": {"readings": READINGS}, "control": True},
    ),
    ("true labels of all lines", {"special": "oracle", "oracle": True}),
    ("fused readings", {"special": "fused", "against": OWN}),
    ("fused N-best, better text", {"special": "better_text", "options": {"readings": READINGS}, "against": OWN}),
    (f"{ALONE}, a whole batch of them", {"control": True}),
    ("fused N-best, selected", {"special": "selected", "options": {"readings": READINGS}, "against": OWN}),
    (
        f"{NBEST}, second round",
        {"special": "fused", "options": {"readings": READINGS, "teacher": NBEST}, "against": f"{OWN}, second round"},
    ),
    (f"{OWN}, second round", {"special": "greedy", "options": {"teacher": OWN}, "control": True}),
)


def plan_pupils(seeds: int = 3) -> list[Run]:
    """The runs; a teacher stands before its pupils."""
    return [
        Run(
            arm=name,
            study="pupils",
            group={"labels": SHARE},
            seed=seed,
            reference=ALONE,
            language_model="own",
            **{"steps": STEPS, "batch_size": BATCH, **row},
        )
        for seed in range(seeds)
        for name, row in ROWS
    ]


def config_of(item: Run) -> TrainingConfig:
    """How a run trains."""
    return TrainingConfig(
        steps=item.steps,
        batch_size=item.batch_size,
        learning_rate=RATE,
        weight_decay=1e-3,
        schedule="one_cycle",
        clip_norm=5.0,
        seed=item.seed,
        augment=True,
        masking=True,
        attribute_every=300,
    )


@dataclass(frozen=True)
class Writer:
    """Where the lines of the hand are, and where what is learned from them goes.

    Args:
        lines: folder of lines with labels, of which a tenth is looked at; others: of pages kept apart, to evaluate on.
        out: folder for recognisers, n-grams and records.
    """

    lines: str
    others: str
    out: str

    def check(self) -> None:
        """Raises ArgumentError where a folder has no labels."""
        for name, folder in (("--lines", self.lines), ("--others", self.others)):
            if not Path(folder, LABELS).is_file():
                raise ArgumentError(f"the study of pupils needs {name} FOLDER with {LABELS}; it was given {folder!r}")

    def parts(self, seed: int) -> tuple[LineData, LineData]:
        """The labelled tenth that a seed draws, and the other lines; no line is in both."""
        everything = _data(self.lines)
        order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed)).tolist()
        count = round(len(everything) * SHARE)
        return everything.part(sorted(order[:count])), everything.part(order[count:])

    def evaluation(self) -> LineData:
        """All lines of the pages kept apart."""
        return _data(self.others)

    def ngram(self, seed: int) -> NgramModel:
        """The 6-gram of built-in prose and the labelled lines, each text once."""
        built_in = (part for name in PROSE for part in prose(name))
        return self._kept(f"ngram-{seed}", lambda lines: train_ngram([*built_in, *lines]), seed)

    def better_ngram(self, seed: int) -> NgramModel:
        """The same texts as a mixture, with weights under which each fifth of the labelled lines costs least."""
        return self._kept(f"mixture-{seed}", _mixture, seed)

    def decoding(self, seed: int, special: str | None) -> Decoding:
        """How the teacher of an arm reads."""
        charset = beginning()[1]
        language_model: Any = self.better_ngram(seed) if special == "better_text" else self.ngram(seed)
        if special == "scrambled":
            language_model = ScrambledLanguageModel(language_model, seed=seed)
        return Decoding(language_model.automaton(charset), FUSION_WEIGHT, LENGTH_BONUS)

    def recogniser_path(self, item: Run) -> Path:
        """Where the recogniser of a run is kept: others may learn from it, and more lines may be read with it."""
        name = item.arm.replace(",", "").replace(" ", "-")
        return Path(self.out) / "recognisers" / f"{name}-seed-{item.seed}.safetensors"

    def _kept(self, name: str, make: Any, seed: int) -> NgramModel:
        folder = Path(self.out) / name
        if not folder.exists():
            save_ngram(make(self.parts(seed)[0].texts), folder)
        return kept_ngram(str(folder))


@functools.cache
def beginning() -> tuple[CRNN, Charset]:
    """The recogniser that ships, for lines of this width."""
    model, charset = load_recogniser("synthetic")[:2]
    return widen(model, WIDTH).eval(), charset


@functools.cache
def _data(folder: str) -> LineData:
    model, charset = beginning()
    return LineData(labelled_lines(folder, charset, drop_unknown=True), model.config, charset)


def _mixture(lines: list[str]) -> NgramModel:
    sources = [train_ngram(prose(name), name=name) for name in PROSE]
    return train_interpolated(sources, lines, NgramConfig())[0]
