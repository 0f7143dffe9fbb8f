"""Reading with a language model at decoding time: the bar that anything learned in training has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import greedy_decode, to_strings
from gradcheck_lm.htr.decoding.ctc_beam import prefix_beam
from gradcheck_lm.htr.decoding.fusion import FusionAutomaton
from gradcheck_lm.lab.config import BEAM, BONUS, WEIGHT
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.metrics import character_errors
from gradcheck_lm.lm import load_language_model

CHUNK = 64  # lines at a time
_RAREST = 1e-8  # least share of the frames that a class is taken to have


@dataclass(frozen=True)
class Decoding:
    """A prefix beam search fused with a character n-gram.

    Args:
        automaton: of the n-gram, made for the recogniser's charset.
        weight: of its cost, at least 0, no unit.
        length_bonus: nats a character, because each costs.
        beam: prefixes kept.
        prior_weight: at least 0, no unit; how much of the recogniser's own prior is taken off: it knows how often each
            class comes, and the n-gram knows it, too. Asks for a smaller bonus, since the blank is the commonest.
        log_prior: (C,) nats, of `with_prior`; without it nothing is taken off.
    """

    automaton: FusionAutomaton
    weight: float = WEIGHT
    length_bonus: float = BONUS
    beam: int = BEAM
    prior_weight: float = 0.0
    log_prior: Tensor | None = None

    def with_prior(self, logits: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Decoding:
        """This decoder with the prior of these logits (T, N, C): the log of each class's mean posterior.

        It is fixed then, so that a line is read alike in any company.
        """
        if not self.prior_weight:
            return self
        frames = torch.full((logits.shape[1],), len(logits)) if lengths is None else torch.as_tensor(lengths)
        inside = (torch.arange(len(logits))[:, None] < frames.cpu()).to(logits.device)
        shares = logits.detach().float().softmax(-1)[inside].mean(0)
        return replace(self, log_prior=shares.clamp_min(_RAREST).log())

    @torch.no_grad()
    def fitted(self, model: torch.nn.Module, data: LineData) -> Decoding:
        """`with_prior` of up to 64 lines, evenly spread; the model's mode is put back afterwards."""
        if not self.prior_weight or not len(data):
            return self
        training = model.training
        picked = range(0, len(data), -(-len(data) // CHUNK))
        logits = model.eval()(data.take(picked, next(model.parameters()).device).images)
        model.train(training)
        return self.with_prior(logits)

    def read(self, logits: Tensor, charset: Charset, lengths: Tensor | Sequence[int] | None = None) -> list[str]:
        """The best string of each line of logits (T, N, C)."""
        if self.log_prior is not None:
            logits = logits - self.prior_weight * self.log_prior.to(logits)
        found = prefix_beam(
            logits,
            beam=self.beam,
            lengths=lengths,
            fusion=self.automaton,
            fusion_weight=self.weight,
            length_bonus=self.length_bonus,
        )
        return to_strings(found.ids[:, 0], found.target_lengths[:, 0], charset)


@dataclass(frozen=True)
class Fusing:
    """A decoding by name, as settings hold it: "ngram" or a folder; the numbers as in `Decoding`.

    What it makes has no prior yet: give it some lines, with `fitted` or `with_prior`.
    """

    name: str
    weight: float = WEIGHT
    length_bonus: float = BONUS
    beam: int = BEAM
    prior: float = 0.0

    def decoding(self, charset: Charset, device: torch.device | str | None = None) -> Decoding:
        """The decoder for a recogniser's charset. Raises as `make_decoding`."""
        made = make_decoding(
            self.name, charset, weight=self.weight, length_bonus=self.length_bonus, beam=self.beam, device=device
        )
        return replace(made, prior_weight=self.prior)


def make_decoding(
    language_model: str | Any,
    charset: Charset,
    *,
    weight: float = WEIGHT,
    length_bonus: float = BONUS,
    beam: int = BEAM,
    device: torch.device | str | None = None,
) -> Decoding:
    """A fused decoder from the name of an n-gram ("ngram", a folder), or from an n-gram itself.

    Raises:
        ArgumentError: a language model that is no table over characters.
        LanguageModelError: none is found by that name, or its table would not fit.
    """
    found: Any = (
        load_language_model(language_model, device=device) if isinstance(language_model, str) else language_model
    )
    if not callable(getattr(found, "automaton", None)):
        raise ArgumentError(
            f"{getattr(found, 'name', found)!r} cannot be fused at decoding time: that takes a "
            "character n-gram; give 'ngram' or a folder that `train-ngram` made"
        )
    return Decoding(found.automaton(charset), weight, length_bonus, beam)


def with_fusion(options: dict[str, Any], charset: Charset, device: torch.device | str | None = None) -> dict[str, Any]:
    """A penalty's options with the automaton itself in the place of an n-gram's name: a run's settings hold names."""
    if not isinstance(options.get("fusion"), str):
        return options
    return {**options, "fusion": make_decoding(options["fusion"], charset, device=device).automaton}


@torch.no_grad()
def read_both(model: torch.nn.Module, data: LineData, charset: Charset, decoding: Decoding) -> dict[str, list[str]]:
    """Greedy and fused readings of all lines, in eval mode; the model's mode is put back afterwards."""
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    found: dict[str, list[str]] = {"greedy": [], "fused": []}
    for batch in data.chunks(CHUNK, device):
        logits = model(batch.images)
        found["greedy"] += greedy_decode(logits, charset)
        found["fused"] += decoding.read(logits, charset)
    model.train(training)
    return found


def edits(texts: list[str], readings: dict[str, list[str]]) -> dict[str, list[int]]:
    """Character edits a line, by way of reading."""
    return {name: character_errors(texts, found).edits.tolist() for name, found in readings.items()}


def lengths(texts: list[str]) -> list[int]:
    """Reference characters a line."""
    return character_errors(texts, texts).lengths.tolist()
