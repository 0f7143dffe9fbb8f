"""How good a penalty's gradient is on real logits: held against a reference of thousands of samples, with its cost."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.display import Displayed, text_table
from gradcheck_lm.errors import ArgumentError, GradcheckLMError
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.lab.measuring.remembering import Remembering
from gradcheck_lm.penalties import PENALTIES, Penalty, make_penalty

CHUNK = 32  # strings a line in one call of the reference: the memory of its CTC grows with them
RESAMPLES = 1000


@dataclass(frozen=True)
class Reference:
    """A policy gradient of many samples, as two independent halves (T, N, C).

    Attributes:
        samples: strings drawn for each line in both halves together.
        cosine: between the halves; 1 would be a reference without noise.
    """

    first: Tensor
    second: Tensor
    samples: int

    @property
    def mean(self) -> Tensor:
        return (self.first + self.second) / 2

    @property
    def cosine(self) -> float:
        return _cosine(self.first, self.second)

    @property
    def squared_length(self) -> float:
        """Of the true gradient: the halves' noise is independent, so their product has none of it on average."""
        return float((self.first * self.second).sum())

    @property
    def ceiling(self) -> float:
        """The cosine that the exact gradient itself would be expected to have with this reference."""
        return math.sqrt(max(0.0, 2 * self.cosine / (1 + self.cosine))) if self.cosine > -1 else 0.0


@dataclass(frozen=True)
class Row:
    """One penalty. `cosine` is None where its own mean, or the reference, is not to be told from noise.

    Attributes:
        raw_cosine: of its mean over the repeats with the reference, the noise of both in it.
        cosine: the same with the noise of both taken out, by the products of their halves; and its 95 % bootstrap
            interval over lines.
        spread: root of a single call's variance, over the length of the true gradient.
        blank: share of the mean gradient's energy on the blank's column.
        milliseconds: of one call and its backward down to the logits, median; lm_calls: texts asked for in one call.
        work: spread squared times milliseconds: how long until the noise is as large as the gradient.
    """

    name: str
    kind: str
    raw_cosine: float
    cosine: float | None
    interval: tuple[float, float] | None
    spread: float
    blank: float
    milliseconds: float
    lm_calls: float

    @property
    def work(self) -> float:
        return self.spread**2 * self.milliseconds


@dataclass(frozen=True, repr=False)
class Quality(Displayed):
    """The reference, a row for each penalty that could be asked, and why the others could not."""

    reference: Reference
    objective: str
    repeats: int
    lines: int
    rows: list[Row]
    skipped: dict[str, str]

    def _headline(self) -> str:
        return f"{len(self.rows)} penalties held against {self.reference.samples} samples a line, {self.lines} lines"

    def __str__(self) -> str:
        table = text_table([{**dataclasses.asdict(row), "work": row.work} for row in self.rows])
        return "\n".join([self._headline(), table, *(f"{name}: {why}" for name, why in self.skipped.items())])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        held = self.reference
        length = math.sqrt(max(0.0, held.squared_length))
        return {
            "objective": self.objective,
            "lines": self.lines,
            "repeats": self.repeats,
            "reference": {
                "samples": held.samples,
                "half_cosine": held.cosine,
                "ceiling": held.ceiling,
                "length": length,
            },
            "penalties": [{**dataclasses.asdict(row), "work": row.work} for row in self.rows],
            "skipped": self.skipped,
        }


def gradient_quality(
    logits: Tensor,
    transcripts: Sequence[str] | None,
    language_model: Any,
    charset: Characters,
    *,
    names: Sequence[str] | None = None,
    objective: str | None = None,
    samples: int = 2000,
    repeats: int = 20,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Quality:
    """Hold every penalty's gradient at the logits against a reference.

    Args:
        logits: (T, N, C) float, unnormalised.
        transcripts: N true texts, or None.
        language_model, charset: as for `make_penalty`.
        names: penalties; None for all that have a gradient.
        objective: None is "hinge" with transcripts and "score" without.
        samples: strings a line for the reference, at least 4: half of them in each half.
        repeats: calls of each penalty, at least 4.
        seed: of all draws.
        progress: called with a line of text before each penalty.
    Raises:
        ArgumentError: samples or repeats too few, an unknown name, or a reference without any gradient.
    Source: the correction for noise is Spearman 1904 (attenuation), on halves.
    """
    if samples < 4 or repeats < 4:
        raise ArgumentError(f"samples is {samples} and repeats {repeats}: give at least 4 of each, two for each half")
    objective = objective or ("score" if transcripts is None else "hinge")
    names = [name for name, penalty in PENALTIES.items() if penalty.kind != "none"] if names is None else list(names)
    unknown = [name for name in names if name not in PENALTIES]
    if unknown:
        raise ArgumentError(f"no penalty is called {', '.join(unknown)}; there are {', '.join(sorted(PENALTIES))}")
    logits = logits.detach()
    progress(f"the reference: {samples} strings for each of {logits.shape[1]} lines")
    reference = make_reference(
        logits, transcripts, Remembering(language_model), charset, objective=objective, samples=samples, seed=seed
    )
    if not reference.first.any() and not reference.second.any():
        raise ArgumentError(
            f"the objective {objective!r} has no gradient on these {logits.shape[1]} lines: every string drawn for a "
            "line costs the same (the recogniser is sure of all, or the label is always dearer). Take other lines, "
            "more of them, or --objective score"
        )
    rows, skipped = [], {}
    for index, name in enumerate(names):
        try:
            penalty = make_penalty(name, language_model, charset, objective=objective, seed=seed + 1 + index)
            progress(name)
            rows.append(measure(penalty, logits, transcripts, reference, repeats=repeats))
        except GradcheckLMError as error:
            skipped[name] = str(error)
    return Quality(reference, objective, repeats, logits.shape[1], rows, skipped)


def make_reference(
    logits: Tensor,
    transcripts: Sequence[str] | None,
    language_model: Any,
    charset: Characters,
    *,
    objective: str,
    samples: int,
    seed: int,
) -> Reference:
    """Two halves of many calls of `policy_gradient`, each unbiased by itself."""
    size = min(CHUNK, samples // 2)
    calls = max(1, samples // 2 // size)
    halves = []
    for half in range(2):
        penalty = make_penalty(
            "policy_gradient", language_model, charset, objective=objective, samples=size, seed=seed * 2 + half
        )
        total = torch.zeros(logits.shape, dtype=torch.float64, device=logits.device)
        for _ in range(calls):
            total += _gradient(penalty, logits, transcripts)[0]
        halves.append(total / calls)
    return Reference(halves[0], halves[1], 2 * calls * size)


def measure(
    penalty: Penalty, logits: Tensor, transcripts: Sequence[str] | None, reference: Reference, *, repeats: int
) -> Row:
    """A penalty's row; one call more than `repeats` warms up and is not counted."""
    _gradient(penalty, logits, transcripts)
    halves = [torch.zeros_like(reference.first) for _ in range(2)]
    squares, seconds, calls = 0.0, [], 0
    for repeat in range(repeats - repeats % 2):
        gradient, took, asked = _gradient(penalty, logits, transcripts)
        halves[repeat % 2] += gradient
        squares += float(gradient.square().sum())
        seconds.append(took)
        calls += asked
    count = len(seconds)
    halves = [2 * half / count for half in halves]
    mean = (halves[0] + halves[1]) / 2
    variance = max(0.0, squares / count - float(mean.square().sum())) * count / (count - 1)
    energy = mean.square().sum((0, 1))
    cosine, interval = corrected_cosine(halves, reference)
    return Row(
        name=penalty.name,
        kind=penalty.kind,
        raw_cosine=_cosine(mean, reference.mean),
        cosine=cosine,
        interval=interval,
        spread=math.sqrt(variance / reference.squared_length) if reference.squared_length > 0 else math.inf,
        blank=float(energy[0] / energy.sum()) if energy.sum() > 0 else 0.0,
        milliseconds=1000 * statistics.median(seconds),
        lm_calls=calls / count,
    )


def corrected_cosine(halves: list[Tensor], reference: Reference) -> tuple[float | None, tuple[float, float] | None]:
    """Cosine between two means without their noise, with a bootstrap interval over lines; None in the noise."""
    mean = (halves[0] + halves[1]) / 2
    # each line's share of the three products
    shares = torch.stack(
        [
            (a * b).sum((0, 2))
            for a, b in ((mean, reference.mean), (halves[0], halves[1]), (reference.first, reference.second))
        ]
    ).cpu()  # a few numbers, picked from a thousand times
    best = _ratio(shares.sum(1))
    if best is None:
        return None, None
    lines = shares.shape[1]
    picks = torch.randint(lines, (RESAMPLES, lines), generator=torch.Generator().manual_seed(0))
    found = sorted(value for pick in picks if (value := _ratio(shares[:, pick].sum(1))) is not None)
    if len(found) < 0.9 * RESAMPLES:
        return best, None  # too many resamples in the noise to say anything of the rest
    return best, (found[int(0.025 * len(found))], found[int(0.975 * len(found)) - 1])


def _gradient(penalty: Penalty, logits: Tensor, transcripts: Sequence[str] | None) -> tuple[Tensor, float, int]:
    """The gradient at the logits in double, the seconds it took, and the texts asked for."""
    leaf = logits.clone().requires_grad_()
    _wait(leaf)
    began = time.perf_counter()
    out = penalty(leaf, transcripts)
    (gradient,) = torch.autograd.grad(out.loss, leaf)
    _wait(leaf)
    return gradient.double(), time.perf_counter() - began, out.lm_calls


def _wait(tensor: Tensor) -> None:
    if tensor.device.type == "cuda":
        torch.cuda.synchronize(tensor.device)


def _cosine(one: Tensor, other: Tensor) -> float:
    length = one.norm() * other.norm()
    return float((one * other).sum() / length) if length > 0 else 0.0


def _ratio(products: Tensor) -> float | None:
    product, own, reference = products.tolist()
    if own <= 0 or reference <= 0:
        return None
    return max(-1.0, min(1.0, product / math.sqrt(own * reference)))
