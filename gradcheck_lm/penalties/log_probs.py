"""Log-probabilities of the readings of a batch, by string or by path.

Axes: K readings of each of N lines, T frames, L characters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gradcheck_lm.htr.ctc import frame_log_probs, string_log_prob
from gradcheck_lm.penalties.base import Batch


def log_prob_of_paths(batch: Batch, paths: Tensor, *, temperature: float = 1.0) -> Tensor:
    """(K, N) log-probability of paths (T, K, N); frames beyond a line's length add 0. Gradient: exact."""
    log_probs = frame_log_probs(batch.logits, batch.lengths, temperature=temperature)
    chosen = log_probs.gather(2, paths.transpose(1, 2))
    if batch.lengths is not None:
        outside = torch.arange(len(chosen), device=chosen.device)[:, None] >= batch.lengths
        chosen = chosen.masked_fill(outside[:, :, None], 0.0)
    return chosen.sum(0).T


def log_prob_of_strings(
    batch: Batch, texts: list[str], ids: Tensor, target_lengths: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """log p(string | line) of K readings of each line, (K, N), by one CTC call in which equal readings come once.

    Args:
        batch: logits and lengths.
        texts: K * N strings, string k * N + n a reading of line n.
        ids: (K * N, L) long, their classes; target_lengths (K * N,) long.
        temperature: > 0, no unit; of the posteriors.
    Gradient: exact.
    """
    place: dict[tuple[int, str], int] = {}
    distinct: list[int] = []
    inverse: list[int] = []
    for index, text in enumerate(texts):
        key = (index % batch.lines, text)
        if key not in place:
            place[key] = len(place)
            distinct.append(index)
        inverse.append(place[key])
    rows = torch.tensor(distinct, device=ids.device)
    found = string_log_prob(
        batch.logits,
        ids[rows],
        target_lengths[rows],
        lines=rows % batch.lines,
        lengths=batch.lengths,
        temperature=temperature,
    )
    return found[torch.tensor(inverse, device=found.device)].view(-1, batch.lines)
