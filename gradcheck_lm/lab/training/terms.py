"""The terms of a recogniser's loss: CTC on labels, the anchor that holds a reading, the language-model penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.htr.ctc_loss import ctc_losses
from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.machine.devices import sent
from gradcheck_lm.lab.machine.processes import union_lines, union_texts
from gradcheck_lm.lab.training.controls import StartReadings, Teacher
from gradcheck_lm.lab.training.starting import KnownLogits, StartLogits
from gradcheck_lm.penalties import PenaltyOutput
from gradcheck_lm.penalties.listed.nbest_ctc import NbestCtc


@dataclass(frozen=True)
class StepTerms:
    """The weighted terms of one step; the loss is their sum. `penalty` is what the penalty gave, `is_mean` whether its
    value is the mean over the lines of the batch, and `logits` what it was given. Nothing is read yet: a number that is
    read waits for a GPU."""

    terms: dict[str, Tensor]
    penalty: PenaltyOutput | None = None
    is_mean: bool = False
    logits: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """Scalar: the sum of the terms."""
        return torch.stack([term.reshape(()) for term in self.terms.values()]).sum()


TermFunction = Callable[[nn.Module, Batch], StepTerms]


def ctc_term(logits: Tensor, texts: list[str], charset: Charset) -> Tensor:
    """CTC loss, mean over lines of nats per character.

    Args:
        logits: (T, N, C) float, unnormalised; class 0 is the blank.
        texts: N labels; one that needs more than T frames counts as 0.
    Returns:
        Scalar, nats per character.
    Gradient: exact.
    """
    targets, sizes = charset.encode_batch(texts)
    frames = torch.full((logits.shape[1],), logits.shape[0], dtype=torch.long)
    losses = ctc_losses(logits.float().log_softmax(-1), targets, frames, sizes, zero_infinity=True)
    return (losses / sent(sizes.clamp(min=1), losses.device)).mean()


class _Divergence(torch.autograd.Function):
    """KL(p0 || p) whose gradient is written as p - p0, and so is exactly zero where both agree to the bit."""

    @staticmethod
    def forward(ctx, logits: Tensor, start: Tensor) -> Tensor:  # type: ignore[override]
        log_p, log_start = logits.log_softmax(-1), start.log_softmax(-1)
        p, p_start = log_p.exp(), log_start.exp()
        ctx.save_for_backward(p - p_start)
        return (p_start * (log_start - log_p)).sum()

    @staticmethod
    def backward(ctx, *outputs: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        return outputs[0] * difference, None


def anchor_term(logits: Tensor, start: Tensor, characters: int) -> Tensor:
    """How far the reading has drifted: KL of the starting posteriors to the present ones, nats per character read.

    Written in the usual way, its gradient at the start is rounding noise instead of 0, and Adam scales that noise
    up to whole steps: an arm without any other gradient would move.

    Args:
        logits: (T, N, C) float.
        start: (T, N, C) float, of the recogniser before adaptation.
        characters: how many characters the start reads, at least 1.
    Gradient: exact; to the bit 0 where `logits` equals `start`.
    """
    return _Divergence.apply(logits.float(), start.float()) / max(1, characters)


def labelled(charset: Charset, penalty: Teacher | None, weight: float, *, shortcut_weight: float = 0.1) -> TermFunction:
    """Terms of training with labels: CTC, CTC of the shortcut head, and the penalty.

    With several processes every term is that of all their lines together, on each of them.
    """

    def terms(model: nn.Module, batch: Batch) -> StepTerms:
        if batch.texts is None:
            raise ArgumentError("training with CTC needs labels: give a folder with labels.tsv")
        logits, shortcut = map(union_lines, model(batch.images, with_shortcut=True))
        texts = union_texts(batch.texts) or []
        found = {
            "ctc": ctc_term(logits, texts, charset),
            "shortcut": shortcut_weight * ctc_term(shortcut, texts, charset),
        }
        if penalty is None:
            return StepTerms(found)
        out = penalty(logits, texts)
        found["lm"] = weight * out.loss
        return StepTerms(found, out, penalty.reduction == "mean", logits)

    return terms


def unlabelled(
    start: nn.Module,
    charset: Charset,
    penalty: Teacher | None,
    weight: float,
    *,
    anchor_weight: float = 1.0,
    started: KnownLogits | None = None,
) -> TermFunction:
    """Terms of adapting without labels: the penalty, and the anchor to the recogniser `start`; `started`: see
    `StartLogits`."""
    read_start = StartLogits(start, started)

    def terms(model: nn.Module, batch: Batch) -> StepTerms:
        logits = union_lines(model(batch.images))
        start_logits = read_start(batch)
        characters = sum(map(len, greedy_decode(start_logits, charset)))
        found = {"anchor": anchor_weight * anchor_term(logits, start_logits, characters)}  # with 0 a term of zeros
        if penalty is None:
            return StepTerms(found)
        if isinstance(penalty, StartReadings | NbestCtc):
            penalty.taught_by(start_logits)
        out = penalty(logits, None)
        found["lm"] = weight * out.loss
        return StepTerms(found, out, penalty.reduction == "mean", logits)

    return terms
