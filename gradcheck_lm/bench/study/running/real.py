"""The study of one real hand: labels of all, 10 % and 2 % of the lines, the other lines of the hand without labels."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.study.running.plan import RATIO, Row, Run
from gradcheck_lm.bench.study.running.prose import PROSE, kept_ngram, prose
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_checkpoint, load_recogniser
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.lines import LABELS
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.decoding import Decoding
from gradcheck_lm.lab.measuring.reading import labelled_lines
from gradcheck_lm.lab.training.train import TrainSettings, train, widen
from gradcheck_lm.lm import NgramModel
from gradcheck_lm.lm.ngrams.ngram import train_ngram
from gradcheck_lm.lm.ngrams.ngram_file import save_ngram

WIDTH = 640  # pixels; the longest lines of this hand need more than the 512 of the recogniser that ships
FUSION_WEIGHT, LENGTH_BONUS = 0.3, 0.6  # the penalties' defaults; best of five on other lines of this hand
START_STEPS = {1.0: 2400, 0.1: 1200, 0.02: 500}
STEPS = {1.0: 200, 0.1: 600, 0.02: 400}
STUDENT_STEPS = 2400  # as many as the recogniser that is trained on all labels
STUDENT_SHARE = 0.25  # of labelled lines in its batches
BATCH = 16
LEARNING_RATE, START_RATE = 1e-3, 2e-3
NORM = 0.3  # of the LM term's gradient, in norms of CTC's
ADAPTED_LINES = 512  # of those without labels, that are read before and after

_SAMPLES = {**RATIO, "samples": 8}
_FUSED = {"proposals": "fused_beam", "fusion": "own"}
TAUGHT: tuple[Row, ...] = (
    ("fused readings", {"special": "fused"}),
    ("minimum_risk, fused beam", {"penalty": "minimum_risk", "options": {**_SAMPLES, **_FUSED}}),
    ("fused readings, 3 rounds", {"special": "fused_rounds"}),
    ("policy_gradient, fused beam", {"penalty": "policy_gradient", "options": {**_SAMPLES, **_FUSED}}),
    ("own readings", {"special": "greedy", "control": True}),
    ("policy_gradient, samples", {"penalty": "policy_gradient", "options": _SAMPLES}),
    ("fused readings, scrambled LM", {"special": "fused_scrambled", "control": True}),
    ("true labels of all lines", {"special": "oracle", "oracle": True}),
    ("entropy", {"special": "entropy", "control": True}),
    (
        "fused readings, from the beginning",
        {"special": "student", "steps": STUDENT_STEPS, "against": "labels alone, from the beginning"},
    ),
    (
        "true labels of all lines, from the beginning",
        {"special": "oracle_beginning", "steps": STUDENT_STEPS, "oracle": True},
    ),
    ("labels alone, from the beginning", {"special": "beginning", "steps": STUDENT_STEPS, "control": True}),
)
# a run takes minutes: with 2 % and all labels only what stands for its kind
FEW = (
    "fused readings",
    "minimum_risk, fused beam",
    "policy_gradient, samples",
    "own readings",
    "true labels of all lines",
)


def plan_real(seeds: int = 1) -> list[Run]:
    """The runs, those with 10 % of the labels first."""
    found = []
    for seed in range(seeds):
        for share in (0.1, 0.02, 1.0):
            common: dict[str, Any] = {
                "study": "real",
                "group": {"labels": share},
                "seed": seed,
                "reference": "ctc",
                "language_model": "own",
                "steps": STEPS[share],
                "batch_size": BATCH,
            }
            found.append(Run(arm="start", **common))
            found.append(Run(arm="ctc", **common))
            rows = [row for row in TAUGHT if share == 0.1 or row[0] in FEW]
            found += [Run(arm=name, **{**common, **row}) for name, row in rows]
    return found


@dataclass(frozen=True)
class Hand:
    """Where the lines of the hand are, and where its recognisers go.

    Args:
        lines: folder of lines with labels to train on; others: of pages kept apart, to evaluate on.
        out: folder for recognisers, n-grams and records.
    """

    lines: str
    others: str
    out: str

    def recogniser(self, share: float) -> tuple[CRNN, Charset]:
        """The recogniser trained by CTC on a share of the labels."""
        return _recogniser(str(self._start(share) / "recogniser.safetensors"))

    def beginning(self) -> CRNN:
        """The recogniser that ships, for lines of this width: what those trained on labels began with."""
        return widen(load_recogniser("synthetic")[0], WIDTH)

    def all_lines(self) -> tuple[LineData, list[int]]:
        """All lines to train on, and a permutation: a share of labels is its beginning."""
        data = _data(self.lines, str(self._start(1.0) / "recogniser.safetensors"))
        return data, torch.randperm(len(data), generator=torch.Generator().manual_seed(0)).tolist()

    def evaluation(self) -> LineData:
        """All lines of the pages kept apart."""
        return _data(self.others, str(self._start(1.0) / "recogniser.safetensors"))

    def ngram(self, share: float) -> NgramModel:
        """The character 6-gram of built-in prose and the share of labels."""
        return kept_ngram(str(Path(self.out) / f"ngram-{_percent(share)}"))

    def decoding(self, share: float) -> Decoding:
        """How readings are fused."""
        automaton = _automaton(str(Path(self.out) / f"ngram-{_percent(share)}"), self.recogniser(share)[1])
        return Decoding(automaton, FUSION_WEIGHT, LENGTH_BONUS)

    def _start(self, share: float) -> Path:
        return Path(self.out) / f"ctc-{_percent(share)}"

    def prepare(self, *, progress: Callable[[str], None]) -> None:
        """Train what all runs begin with: the recognisers, and the n-grams. What is there already is kept."""
        if not Path(self.lines, LABELS).is_file() or not Path(self.others, LABELS).is_file():
            raise ArgumentError(
                f"the study of a real hand needs two folders with {LABELS}: --lines ({self.lines}) and --others "
                f"({self.others})"
            )
        for share, steps in START_STEPS.items():
            folder = Path(self.lines) if share == 1 else self._subset(share)
            if not (self._start(share) / "recogniser.safetensors").exists():
                progress(f"CTC on {_percent(share)} % of the labels, {steps} steps")
                settings = TrainSettings(
                    data=str(folder),
                    validation=self.others,
                    recogniser="synthetic",
                    width=WIDTH,
                    validation_every=max(100, steps // 8 // 100 * 100),
                )
                config = TrainingConfig(
                    steps=steps,
                    learning_rate=START_RATE,
                    weight_decay=1e-3,
                    schedule="one_cycle",
                    augment=True,
                    clip_norm=5.0,
                    checkpoint_every=200,
                )
                train(settings, config, self._start(share), progress=progress)
            if not (Path(self.out) / f"ngram-{_percent(share)}").exists():
                texts = [line.text or "" for line in labelled_lines(folder, Charset.standard(), drop_unknown=True)]
                built_in = [part for name in PROSE for part in prose(name)]
                save_ngram(train_ngram([*built_in, *texts]), Path(self.out) / f"ngram-{_percent(share)}")

    def _subset(self, share: float) -> Path:
        """A folder with the lines whose labels are given: the beginning of the permutation."""
        folder = Path(self.out) / f"labels-{_percent(share)}"
        if (folder / LABELS).exists():
            return folder
        rows = Path(self.lines, LABELS).read_text(encoding="utf-8").splitlines()
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist()
        picked = [rows[i] for i in sorted(order[: round(len(rows) * share)])]
        folder.mkdir(parents=True, exist_ok=True)
        for row in picked:
            shutil.copy(Path(self.lines, row.split("\t")[0]), folder)
        write_text_atomic(folder / LABELS, "\n".join(picked) + "\n")  # last: a folder with it is whole
        return folder


def _percent(share: float) -> str:
    return f"{100 * share:g}"


@functools.cache
def _recogniser(path: str) -> tuple[CRNN, Charset]:
    model, charset, _ = load_checkpoint(path)
    return model.eval(), charset


@functools.cache
def _data(folder: str, recogniser: str) -> LineData:
    model, charset = _recogniser(recogniser)
    return LineData(labelled_lines(folder, charset, drop_unknown=True), model.config, charset)


@functools.cache
def _automaton(folder: str, charset: Charset) -> Any:
    return kept_ngram(folder).automaton(charset)
