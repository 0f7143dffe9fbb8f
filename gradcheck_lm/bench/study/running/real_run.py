"""One run of the study of a real hand: labels and lines without them in every batch."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from gradcheck_lm.bench.study.running.fit import fit
from gradcheck_lm.bench.study.running.plan import Run
from gradcheck_lm.bench.study.running.real import ADAPTED_LINES, LEARNING_RATE, NORM, START_RATE, STUDENT_SHARE, Hand
from gradcheck_lm.bench.study.running.record import record_of
from gradcheck_lm.flow import attribute
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.decoding import Decoding, read_both
from gradcheck_lm.lab.training.controls import CONTROLS, ScrambledLanguageModel, Teacher, make_control
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled, partly_labelled
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import TrainingResult
from gradcheck_lm.penalties import make_penalty

MATCHING_BATCHES = 4
ROUNDS = 3


class RealRun:
    """Callable from a run to its record; `hand` says where the lines are."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand

    def __call__(self, item: Run) -> dict[str, Any]:
        """Train and read."""
        share = item.group["labels"]
        start, charset = self.hand.recogniser(share)
        known, others, held_out = self._lines(share)
        adapted = others.first(min(ADAPTED_LINES, len(others)))
        decoding = self.hand.decoding(share)
        model, result, weight = self._train(item, start, charset, known, others)
        data = {"adapted": adapted, "held_out": held_out}
        readings = {name: read_both(model, lines, charset, decoding) for name, lines in data.items()}
        return record_of(
            item, result, data, readings, self.hand.ngram(share), weight=weight, labelled_lines=len(known),
            unlabelled_lines=len(others),
        )  # fmt: skip

    def _lines(self, share: float) -> tuple[LineData, LineData, LineData]:
        """Labelled lines, lines without labels, lines to evaluate on; no line is in two of them."""
        everything, order = self.hand.all_lines()
        count = round(len(everything) * share)
        evaluation = self.hand.evaluation()
        if share < 1:
            return everything.part(sorted(order[:count])), everything.part(order[count:]), evaluation
        half = len(evaluation) // 2  # no line of the training pages is without its label: half of the other pages are
        return everything, evaluation.part(range(half)), evaluation.part(range(half, len(evaluation)))

    def _train(
        self, item: Run, start: CRNN, charset: Charset, known: LineData, others: LineData
    ) -> tuple[CRNN, TrainingResult, float]:
        if item.arm == "start":
            return start, TrainingResult(), 0.0
        terms = labelled(charset, None, 0.0)
        if item.arm == "ctc":
            return (*_fit(item, start, known, terms, None), 0.0)
        decoding = self.hand.decoding(item.group["labels"])
        if item.special == "oracle":
            return (*_fit(item, start, PartlyLabelled(known, others, readings=others.texts), terms, None), 1.0)
        if item.special == "greedy":
            readings = read_both(start, others, charset, decoding)["greedy"]
            return (*_fit(item, start, PartlyLabelled(known, others, readings=readings), terms, None), 1.0)
        if item.special in ("fused", "fused_rounds", "fused_scrambled"):
            if item.special == "fused_scrambled":
                language_model = ScrambledLanguageModel(self.hand.ngram(item.group["labels"]), seed=item.seed)
                decoding = Decoding(language_model.automaton(charset), decoding.weight, decoding.length_bonus)
            return (*self._rounds(item, start, charset, known, others, decoding), 1.0)
        if item.special == "beginning":
            return (*_fit(item, self.hand.beginning(), known, terms, None), 0.0)
        if item.special == "oracle_beginning":
            mixed = PartlyLabelled(known, others, labelled_share=STUDENT_SHARE, readings=others.texts)
            return (*_fit(item, self.hand.beginning(), mixed, terms, None), 1.0)
        if item.special == "student":
            readings = read_both(start, others, charset, decoding)["fused"]
            mixed = PartlyLabelled(known, others, labelled_share=STUDENT_SHARE, readings=readings)
            return (*_fit(item, self.hand.beginning(), mixed, terms, None), 1.0)
        penalty = self._penalty(item, charset)
        mixed = PartlyLabelled(known, others)
        weight = NORM * _ratio_of_norms(item, start, charset, penalty, mixed)
        return (*_fit(item, start, mixed, partly_labelled(charset, penalty, weight), penalty), weight)

    def _rounds(
        self, item: Run, start: CRNN, charset: Charset, known: LineData, others: LineData, decoding: Decoding
    ) -> tuple[CRNN, TrainingResult]:
        """CTC on the labels, and on what the teacher reads fused; in several rounds the pupil becomes the teacher."""
        rounds = ROUNDS if item.special == "fused_rounds" else 1
        model, terms = start, labelled(charset, None, 0.0)
        for number in range(rounds):
            readings = read_both(model, others, charset, decoding)["fused"]
            mixed = PartlyLabelled(known, others, readings=readings)
            model, result = _fit(item, model, mixed, terms, None, part=(number, rounds))
        return model, result

    def _penalty(self, item: Run, charset: Charset) -> Teacher:
        if item.special in CONTROLS:
            return make_control(item.special, charset, seed=item.seed)
        share, options = item.group["labels"], dict(item.options)
        if "fusion" in options:
            options["fusion"] = self.hand.decoding(share).automaton
            options |= {"fusion_weight": self.hand.decoding(share).weight}
            options |= {"length_bonus": self.hand.decoding(share).length_bonus}
        assert item.penalty is not None
        return make_penalty(item.penalty, self.hand.ngram(share), charset, seed=item.seed, **options)


def _config(item: Run, *, part: tuple[int, int] = (0, 1)) -> TrainingConfig:
    number, parts = part
    return TrainingConfig(
        steps=item.steps // parts,
        batch_size=item.batch_size,
        learning_rate=START_RATE if item.special in ("student", "beginning", "oracle_beginning") else LEARNING_RATE,
        weight_decay=1e-3,
        schedule="one_cycle",
        clip_norm=1.0,
        seed=1000 * item.seed + number,
        augment=True,
        attribute_every=100,
    )


def _fit(
    item: Run, start: CRNN, lines: LineData, terms: Any, penalty: Teacher | None, *, part: tuple[int, int] = (0, 1)
) -> tuple[CRNN, TrainingResult]:
    return fit(start, lines, terms, _config(item, part=part), penalty)


def _ratio_of_norms(item: Run, start: CRNN, charset: Charset, penalty: Teacher, mixed: PartlyLabelled) -> float:
    """Norm of CTC's gradient over that of the penalty's, at the start, in the mean over a few batches."""
    model: nn.Module = copy.deepcopy(start).eval().requires_grad_(True)
    terms = partly_labelled(charset, penalty, 1.0)
    norms = {"ctc": 0.0, "lm": 0.0}
    for step in range(MATCHING_BATCHES):
        found = terms(model, mixed.batch(step, item.batch_size, seed=item.seed)).terms
        table = attribute({name: found[name] for name in norms}, wrt=model)
        norms = {name: total + table.norm(name) for name, total in norms.items()}
    return norms["ctc"] / max(norms["lm"], 1e-12)
