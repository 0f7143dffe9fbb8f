"""Several n-grams as one: their probabilities mixed, with weights chosen on the lines that the model is for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel, train_ngram
from gradcheck_lm.lm.ngrams.ngram_counts import Tables

FOLDS = 5
_ROUNDS = 200  # of expectation maximisation, which has settled long before


def interpolate(models: Sequence[NgramModel], weights: Sequence[float], *, name: str = "ngram") -> NgramModel:
    """One back-off model of p(c | h) = sum_m w_m p_m(c | h), exact for every n-gram that any of them has kept.

    What none has kept backs off, with what is left: every context sums to 1.

    Args:
        models: of one alphabet, all of lines or none; orders may differ.
        weights: at least 0, one a model; they are divided by their sum.
        name: what the model is called in messages.
    Raises:
        ArgumentError: models of different alphabets, or weights that do not fit.
    Source: Jelinek and Mercer 1980; as one back-off model Stolcke 2002 (SRILM, -mix-lm).
    """
    if not models or len(models) != len(weights):
        raise ArgumentError(f"{len(models)} models and {len(weights)} weights: give one weight a model, at least one")
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not sum(weights) > 0:
        raise ArgumentError(f"weights are {list(weights)}: give finite ones of at least 0, and one above 0")
    first = models[0]
    for model in models[1:]:
        if model.symbols != first.symbols:
            raise ArgumentError(
                f"{first.name!r} and {model.name!r} have different characters or only one is of whole lines: train "
                "both with the same --characters and --whole-lines"
            )
    parts = [(model, math.log(weight / sum(weights))) for model, weight in zip(models, weights, strict=True) if weight]
    tables = _mixed([model.tables.to(torch.device("cpu")) for model, _ in parts], [log for _, log in parts], first)
    config = NgramConfig(
        order=tables.order, characters=first.config.characters, smallest_count=1, lines=first.config.lines
    )
    return NgramModel(tables, config, name=name, device=first.device, dtype=first.dtype)


def choose_weights(models: Sequence[NgramModel], texts: Sequence[str]) -> list[float]:
    """The weights with which the mixture gives these texts the most probability.

    Source: expectation maximisation of mixture weights, Jelinek and Mercer 1980.
    """
    return _best([model.character_log_probs(texts) for model in models])


def train_interpolated(
    sources: Sequence[NgramModel], lines: Sequence[str], config: NgramConfig, *, name: str = "ngram"
) -> tuple[NgramModel, list[float], float]:
    """A mixture of `sources` and of a model of `lines`, with weights under which each fold of lines costs least.

    The model of lines that scores a fold is trained on the others, or it would win by knowing them by heart. Folds are
    stretches: neighbours are of one page and say the same things.

    Returns:
        The mixture, whose last part has all lines; the weights, of the sources and then of the lines; and the nats per
        character (ends counted, where the models know them) of the lines as the folds were scored.
    Raises:
        ArgumentError: fewer lines than folds.
    """
    if len(lines) < FOLDS:
        raise ArgumentError(f"{len(lines)} lines are too few to leave a fifth out in turn: give at least {FOLDS}")
    scored: list[list[Tensor]] = []
    for fold in range(FOLDS):
        low, high = (len(lines) * end // FOLDS for end in (fold, fold + 1))
        others = train_ngram([*lines[:low], *lines[high:]], config, name="lines of the other folds")
        scored.append([model.character_log_probs(lines[low:high]) for model in (*sources, others)])
    table = [torch.cat(column) for column in zip(*scored, strict=True)]
    weights = _best(table)
    mixed = torch.stack([column + math.log(max(w, 1e-300)) for column, w in zip(table, weights, strict=True)])
    whole = train_ngram(lines, config, name="lines")
    return interpolate([*sources, whole], weights, name=name), weights, -float(mixed.logsumexp(0).mean())


def _best(log_probs: Sequence[Tensor]) -> list[float]:
    """Weights of a mixture by expectation maximisation; log_probs: for each model those of all characters (L,)."""
    table = torch.stack(list(log_probs)).double()
    log_weights = torch.full((len(table), 1), -math.log(len(table)), dtype=torch.float64)
    for _ in range(_ROUNDS if table.shape[1] else 0):
        share = (log_weights + table).log_softmax(0)
        log_weights = share.logsumexp(1, keepdim=True) - math.log(table.shape[1])
    found: list[float] = log_weights.exp()[:, 0].tolist()
    return found


def _mixed(parts: Sequence[Tables], log_weights: Sequence[float], first: NgramModel) -> Tables:
    size = first.symbols.size
    order = max(part.order for part in parts)
    codes: list[Tensor] = []
    log_probs: list[Tensor] = []
    contexts: list[Tensor] = []
    backoffs: list[Tensor] = []
    for level in range(order):
        here = torch.cat([part.codes[level] for part in parts if level < part.order]).unique()
        each = [log + _log_probs(part, here, level, size) for part, log in zip(parts, log_weights, strict=True)]
        codes.append(here)
        log_probs.append(torch.stack(each).logsumexp(0))
        found, row = (here // size).unique(return_inverse=True)
        contexts.append(found)
        left = torch.zeros(len(found), dtype=torch.float64)
        if level:  # with no context every symbol is kept, and nothing left
            so_far = Tables(tuple(codes[:-1]), tuple(log_probs[:-1]), tuple(contexts[:-1]), tuple(backoffs))
            shorter = _log_probs(so_far, here % size**level, level - 1, size)
            kept, below = (
                torch.zeros(len(found), dtype=torch.float64).index_add_(0, row, values.exp())
                for values in (log_probs[-1], shorter)
            )
            # where all symbols are kept both are 0, and nobody backs off
            tiny = torch.finfo(torch.float64).tiny
            left = ((1 - kept).clamp_min(tiny).log() - (1 - below).clamp_min(tiny).log()).clamp_max(0.0)
        backoffs.append(left)
    return Tables(tuple(codes), tuple(log_probs), tuple(contexts), tuple(backoffs))


def _log_probs(tables: Tables, codes: Tensor, level: int, size: int) -> Tensor:
    """log p(last symbol | those before) of n-grams of level + 1 symbols, by a model that may have shorter ones only."""
    if level >= tables.order:
        return _log_probs(tables, codes % size**level, level - 1, size)
    if level == 0:
        return tables.log_probs[0][codes]
    shorter = _log_probs(tables, codes % size**level, level - 1, size)
    for keys, values, wanted, add in (
        (tables.contexts[level], tables.backoffs[level], codes // size, shorter),
        (tables.codes[level], tables.log_probs[level], codes, None),
    ):
        if len(keys):
            place = torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)
            value = values[place] if add is None else add + values[place]
            shorter = torch.where(keys[place] == wanted, value, shorter)
    return shorter
