"""Controls that a sceptic asks for: ways to train without labels in which no language model teaches anything."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.htr.ctc_loss import ctc_losses
from gradcheck_lm.lab.machine.devices import sent
from gradcheck_lm.lab.measuring.decoding import make_decoding
from gradcheck_lm.penalties import Penalty, PenaltyOutput


class Control(ABC):
    """Called as a penalty is: logits (T, N, C), transcripts that nobody looks at; gives a PenaltyOutput."""

    name: ClassVar[str]
    reduction = "mean"

    def __init__(self, charset: Charset, *, seed: int = 0) -> None:
        self.charset = charset
        self.generator = torch.Generator().manual_seed(seed)  # none is drawn from; a run's state holds one a penalty

    def __call__(self, logits: Tensor, transcripts: Sequence[str] | None = None) -> PenaltyOutput:
        """The control's loss on one batch, in nats per character read."""
        readings = greedy_decode(logits, self.charset)
        per_line = self.per_line(logits.float(), readings)
        value = per_line.detach()
        return PenaltyOutput(per_line.mean(), value.mean(), value, readings, 0)

    @abstractmethod
    def per_line(self, logits: Tensor, readings: list[str]) -> Tensor:
        """(N,) loss of each line."""


class EntropyMinimisation(Control):
    """Entropy of the posteriors, summed over frames: be surer, of whatever it is.

    Gradient: exact.
    Source: Grandvalet and Bengio 2004, Semi-supervised learning by entropy minimization.
    """

    name = "entropy"

    def per_line(self, logits: Tensor, readings: list[str]) -> Tensor:
        """(N,) nats per character read."""
        log_p = logits.log_softmax(-1)
        entropy = -(log_p.exp() * log_p).sum((0, 2))
        return entropy / torch.tensor([max(1, len(text)) for text in readings], device=logits.device)


class PseudoLabels(Control):
    """CTC on the recogniser's own greedy reading: believe what you read.

    Gradient: exact, of CTC with the present reading as label; none through the reading.
    Source: Lee 2013, Pseudo-Label: the simple and efficient semi-supervised learning method.
    """

    name = "pseudo_labels"

    def per_line(self, logits: Tensor, readings: list[str]) -> Tensor:
        """(N,) nats per character read; 0 where nothing is read."""
        targets, sizes = self.charset.encode_batch(readings)
        frames = torch.full((logits.shape[1],), logits.shape[0], dtype=torch.long)
        losses = ctc_losses(logits.log_softmax(-1), targets, frames, sizes)
        sizes = sent(sizes, losses.device)
        return torch.where(sizes > 0, losses / sizes.clamp(min=1), 0.0)


class StartReadings(Control):
    """CTC on what the recogniser before adaptation reads: greedily, or by a beam fused with an n-gram.

    The language model reads along once, and then teaches nothing: what a penalty gives beyond this is its own.

    Args:
        decoding: gives the readings of logits (T, N, C); None: greedily.
    Gradient: exact, of CTC with that reading as label.
    Source: self-training, Kiss, Benes and Hradis 2021 (arXiv 2104.13037); Lee 2013 where nothing is fused.
    """

    name = "own_readings"

    def __init__(self, charset: Charset, *, seed: int = 0, decoding: Any = None) -> None:
        super().__init__(charset, seed=seed)
        self.decoding = decoding
        self._labels: list[str] | None = None

    def taught_by(self, logits: Tensor | None) -> None:
        """Read logits (T, N, C) of the start on the next batch; None: the readings will be the batch's own."""
        self._labels = None if logits is None else self._read(logits.detach())

    def _read(self, logits: Tensor) -> list[str]:
        return (
            greedy_decode(logits, self.charset) if self.decoding is None else self.decoding.read(logits, self.charset)
        )

    def per_line(self, logits: Tensor, readings: list[str]) -> Tensor:
        """(N,) nats per character of the label; 0 where nothing is read."""
        labels = self._read(logits.detach()) if self._labels is None else self._labels
        targets, sizes = self.charset.encode_batch(labels)
        frames = torch.full((logits.shape[1],), logits.shape[0], dtype=torch.long)
        losses = ctc_losses(logits.log_softmax(-1), targets, frames, sizes, zero_infinity=True)
        sizes = sent(sizes, losses.device)
        return torch.where(sizes > 0, losses / sizes.clamp(min=1), 0.0)


class FusedReadings(StartReadings):
    """`StartReadings` of a fused beam; it has to be given its decoding."""

    name = "fused_readings"


Teacher = Penalty | Control
"""What can stand in a loss beside CTC or the anchor: called with logits and transcripts, gives a PenaltyOutput."""

CONTROLS: dict[str, type[Control]] = {
    control.name: control for control in (EntropyMinimisation, PseudoLabels, StartReadings, FusedReadings)
}
"""Every control by name."""


def make_control(name: str, charset: Charset, *, seed: int = 0, **options: Any) -> Control:
    """Make a control by name.

    Args:
        options: `decoding` of "fused_readings", or the name of an n-gram to make it of.
    Raises:
        ArgumentError: no such control, or "fused_readings" without a decoding.
    """
    if name not in CONTROLS:
        raise ArgumentError(f"there is no control {name!r}; choose one of {', '.join(map(repr, CONTROLS))}")
    if name == FusedReadings.name and options.get("decoding") is None:
        raise ArgumentError("fused_readings needs decoding=, an n-gram's beam: see make_decoding")
    if isinstance(options.get("decoding"), str):
        options["decoding"] = make_decoding(options["decoding"], charset)
    return CONTROLS[name](charset, seed=seed, **options)


class ScrambledLanguageModel:
    """A language model that is shown other letters: as sharp as the one inside, and it knows no language.

    The letters are exchanged among themselves by one fixed permutation that leaves none in its place, capitals as
    their small letters; all other characters stay. What can be gained from it cannot come from knowing the language.

    Args:
        language_model: scores texts by `score` and, where it has that, `nll`; no gradient goes through it.
        seed: of the permutation.
    """

    def __init__(self, language_model: Any, *, seed: int = 0) -> None:
        self.language_model = language_model
        letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
        shuffled, drawn = letters, random.Random(seed)
        while any(a == b for a, b in zip(letters, shuffled, strict=True)):
            shuffled = drawn.sample(letters, len(letters))
        table = dict(zip(letters, shuffled, strict=True))
        self.table = str.maketrans(table | {a.upper(): b.upper() for a, b in table.items()})
        if callable(getattr(language_model, "nll", None)):
            self.nll = self._nll

    def scramble(self, text: str) -> str:
        """The text that the language model inside gets to see."""
        return text.translate(self.table)

    def score(self, texts: Sequence[str]) -> Any:
        """(N,) nats per token of the scrambled texts."""
        return self.language_model.score([self.scramble(text) for text in texts])

    def _nll(self, texts: Sequence[str]) -> Any:
        return self.language_model.nll([self.scramble(text) for text in texts])

    def automaton(self, charset: Charset) -> Any:
        """The automaton of the n-gram inside, its columns exchanged as the letters are."""
        return self.language_model.automaton(_Relabelled(self.scramble(charset.characters)))


class _Relabelled:
    """A charset as `automaton` asks for it: column i is what character i is shown as."""

    def __init__(self, characters: str) -> None:
        self.characters = characters
