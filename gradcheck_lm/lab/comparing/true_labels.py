"""Whether a penalty pulls to where the true labels do, on a hand that is adapted to without them: one figure an arm."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from gradcheck_lm.flow import attribute
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.lines.data import Batch, LineData
from gradcheck_lm.lab.training.terms import StepTerms, ctc_term
from gradcheck_lm.penalties import Penalty


def cosine_at_the_start(
    recogniser: CRNN, charset: Charset, data: LineData, penalty: Penalty, *, batch_size: int, seed: int
) -> float | None:
    """Cosine of the penalty's gradient to that of CTC on the true labels, at the start, on the first step's lines.

    The labels are used for this figure alone, never in training.

    Returns:
        None where a gradient is zero, or the lines have no labels.
    """
    model = copy.deepcopy(recogniser).eval().requires_grad_(True)
    device = next(model.parameters()).device
    batch = data.batch(0, batch_size, seed=seed, device=device)
    if batch.texts is None:
        return None
    logits = model(batch.images)
    return _cosine(model, logits, penalty(logits, None).loss, batch.texts, charset)


class FirstStep:
    """`cosine_at_the_start` out of a training's own first step: the same number, to the bit, and no second pass through
    the language model and back.

    It is that number only where the penalty weighs 1, nothing is computed in halves, and the training was not resumed.

    Attributes:
        looked: whether there is a number, or a None that stands for one.
        cosine: the number.
    """

    def __init__(self, charset: Charset) -> None:
        self.charset = charset
        self.looked = False
        self.cosine: float | None = None

    def __call__(self, model: nn.Module, batch: Batch, found: StepTerms) -> None:
        """Look at a step's terms, the penalty's gradient at the logits worked out; the graph stays."""
        lm = found.terms["lm"]
        if found.logits is None or batch.texts is None or not math.isfinite(float(lm.detach())):
            return  # the trainer says it of a loss that is no number
        self.cosine = _cosine(model, found.logits, lm, batch.texts, self.charset)
        self.looked = True


def _cosine(model: nn.Module, logits: Tensor, lm: Tensor, texts: list[str], charset: Charset) -> float | None:
    with torch.enable_grad():
        terms = {"ctc": ctc_term(logits, texts, charset), "lm": lm}
    return attribute(terms, wrt=model).cosine("lm", "ctc")
