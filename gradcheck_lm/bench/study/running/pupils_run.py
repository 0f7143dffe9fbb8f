"""One run of the study of pupils: CTC on labels, and on what the teacher read of the other lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.bench.study.running.fit import fit
from gradcheck_lm.bench.study.running.plan import Run
from gradcheck_lm.bench.study.running.pupils import ALONE, KEPT, Writer, beginning, config_of, plan_pupils
from gradcheck_lm.bench.study.running.real import ADAPTED_LINES
from gradcheck_lm.bench.study.running.record import record_of
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_checkpoint, save_checkpoint
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.ctc import greedy_decode, to_strings
from gradcheck_lm.htr.ctc_loss import ctc_losses
from gradcheck_lm.htr.decoding.ctc_beam import prefix_beam
from gradcheck_lm.lab.lines.augment import augment
from gradcheck_lm.lab.lines.data import Batch, LineData
from gradcheck_lm.lab.measuring.decoding import CHUNK, Decoding, read_both
from gradcheck_lm.lab.measuring.metrics import character_errors
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled
from gradcheck_lm.lab.training.terms import StepTerms, TermFunction
from gradcheck_lm.lab.training.trainer import TrainingResult

TAU = 3.0  # nats; `nbest_ctc`'s
SHORTCUT = 0.1  # weight of the shortcut head's CTC, as everywhere


@dataclass(frozen=True)
class Reading:
    """A text of a line, and the share of it that the line's loss has."""

    text: str
    share: float


class PupilsRun:
    """Callable from a run to its record; `writer` says where the lines are."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def __call__(self, item: Run) -> dict[str, Any]:
        """Train and read."""
        charset = beginning()[1]
        known, others = self.writer.parts(item.seed)
        model, result, taught = self._train(item, known, others)
        save_checkpoint(model, charset, self.writer.recogniser_path(item))
        data = {"adapted": others.first(min(ADAPTED_LINES, len(others))), "held_out": self.writer.evaluation()}
        decoding = self.writer.decoding(item.seed, None)  # one bar for all: the 6-gram of the texts that all have
        readings = {name: read_both(model, lines, charset, decoding) for name, lines in data.items()}
        return record_of(
            item, result, data, readings, self.writer.ngram(item.seed), labelled_lines=len(known), taught_lines=taught
        )

    def _train(self, item: Run, known: LineData, others: LineData) -> tuple[CRNN, TrainingResult, int]:
        start, charset = beginning()
        labels = [[Reading(text, 1.0)] for text in known.texts]
        if item.special == "start":
            return start, TrainingResult(), 0
        if item.special is None:
            return (*fit(start, known, taught_terms(charset, labels), config_of(item), None), 0)
        if item.special == "oracle":
            readings = [[Reading(text, 1.0)] for text in others.texts]
        else:
            teacher = self._teacher(item, item.options.get("teacher", ALONE))
            readings = self._read(item, teacher, others)
        if item.special == "selected":
            picked = self._agreed(item, teacher, others)
            others, readings = others.part(picked), [readings[i] for i in picked]
        best = [line[0].text for line in readings]
        lines = PartlyLabelled(known, others, readings=best)
        terms = taught_terms(charset, [*labels, *readings])
        return (*fit(start, lines, terms, config_of(item), None), len(others))

    def _teacher(self, item: Run, arm: str) -> CRNN:
        """The recogniser of another run of the same seed, which is trained where nobody has done so."""
        run = next(run for run in plan_pupils(item.seed + 1) if run.arm == arm and run.seed == item.seed)
        run = replace(run, steps=item.steps)
        path = self.writer.recogniser_path(run)
        if not path.exists():
            model = self._train(run, *self.writer.parts(run.seed))[0]
            save_checkpoint(model, beginning()[1], path)
        return load_checkpoint(path)[0].eval()

    def _read(self, item: Run, teacher: CRNN, others: LineData) -> list[list[Reading]]:
        charset = beginning()[1]
        if item.special == "greedy":
            return [[Reading(text, 1.0)] for batch in others.chunks(CHUNK) for text in _greedy(teacher, batch, charset)]
        decoding = self.writer.decoding(item.seed, item.special)
        count = int(item.options.get("readings", 1))
        return [
            line for batch in others.chunks(CHUNK) for line in nbest(teacher, batch.images, decoding, charset, count)
        ]

    def _agreed(self, item: Run, teacher: CRNN, others: LineData) -> list[int]:
        """The lines on which two teachers agree most, and the one teacher with itself once the picture is changed."""
        charset, decoding = beginning()[1], self.writer.decoding(item.seed, None)
        second = self._teacher(item, f"{ALONE}, a whole batch of them")
        generator = torch.Generator().manual_seed(item.seed)
        apart: list[float] = []
        for batch in others.chunks(CHUNK):
            views = [(teacher, batch.images), (second, batch.images), (teacher, augment(batch.images, generator))]
            first, *rest = [_fused(model, images, decoding, charset) for model, images in views]
            errors = [character_errors(first, found).edits.tolist() for found in rest]
            apart += [sum(edits) / max(1, len(text)) for text, *edits in zip(first, *errors, strict=True)]
        order = sorted(range(len(apart)), key=lambda i: (apart[i], i))
        return sorted(order[: max(1, round(len(order) * KEPT))])


@torch.no_grad()
def _greedy(model: CRNN, batch: Batch, charset: Charset) -> list[str]:
    return greedy_decode(model(batch.images), charset)


@torch.no_grad()
def _fused(model: CRNN, images: Tensor, decoding: Decoding, charset: Charset) -> list[str]:
    return decoding.read(model(images), charset)


@torch.no_grad()
def nbest(model: CRNN, images: Tensor, decoding: Decoding, charset: Charset, count: int) -> list[list[Reading]]:
    """The `count` best fused readings of each line, each with its share: the softmax of their scores over `TAU`."""
    found = prefix_beam(
        model(images),
        beam=max(decoding.beam, count),
        fusion=decoding.automaton,
        fusion_weight=decoding.weight,
        length_bonus=decoding.length_bonus,
    )
    shares = (found.score[:, :count] / TAU).masked_fill(~found.real[:, :count], -torch.inf).softmax(1)
    texts = [to_strings(found.ids[:, k], found.target_lengths[:, k], charset) for k in range(shares.shape[1])]
    return [
        [Reading(texts[k][i], float(share)) for k, share in enumerate(line) if share > 0]
        for i, line in enumerate(shares)
    ]


def taught_terms(charset: Charset, readings: Sequence[Sequence[Reading]]) -> TermFunction:
    """CTC on each line's readings, each with its share, in nats per character that the line is expected to have.

    With one reading a line this is `labelled` without a penalty. The shortcut head learns the best reading.

    Args:
        readings: of every line of the data, by its index.
    Gradient: exact; the shares are constants.
    """

    def loss(logits: Tensor, lines: Sequence[Sequence[Reading]]) -> Tensor:
        owner = torch.tensor([place for place, line in enumerate(lines) for _ in line])
        share = torch.tensor([reading.share for line in lines for reading in line])
        targets, sizes = charset.encode_batch([reading.text for line in lines for reading in line])
        frames = torch.full((len(owner),), len(logits), dtype=torch.long)
        log_probs = logits.float().log_softmax(-1)[:, owner]
        nats = share * ctc_losses(log_probs, targets, frames, sizes, zero_infinity=True)
        zeros = torch.zeros(len(lines))
        characters = zeros.index_add(0, owner, share * sizes).clamp_min(1.0)
        return (zeros.index_add(0, owner, nats) / characters).mean()

    def terms(model: nn.Module, batch: Batch) -> StepTerms:
        logits, shortcut = model(batch.images, with_shortcut=True)
        lines = [readings[i] for i in batch.indices]
        best = [[Reading(line[0].text, 1.0)] for line in lines]
        return StepTerms({"ctc": loss(logits, lines), "shortcut": SHORTCUT * loss(shortcut, best)})

    return terms
