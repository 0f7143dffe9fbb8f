"""A language model that reads vectors in place of a text's tokens, and is asked for the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from gradcheck_lm.errors import ShapeError
from gradcheck_lm.lm.batches import check_texts, length_batches, pad

if TYPE_CHECKING:
    from gradcheck_lm.lm.score import LanguageModel


def frame_losses(model: LanguageModel, texts: Sequence[str], frames: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Summed nats (N,) of tokens 2 to L after the pooled frames 1 to L - 1, differentiable; and their numbers (N,)."""
    _check(texts, frames, model.vector_width)
    device, dtype = model.device, model._result_dtype
    sequences = model._encode(texts, begin=False)
    counts = torch.tensor([max(len(ids) - 1, 0) for ids in sequences], dtype=torch.long, device=device)
    losses = torch.zeros(len(texts), device=device, dtype=dtype)
    if texts:
        # a text with nothing to score, or without a frame, stays in the graph with a gradient of exactly zero
        losses = torch.stack([rows[:0].sum() for rows in frames]).to(device, dtype)
    empty = torch.tensor([len(rows) == 0 for rows in frames], device=device, dtype=torch.bool)
    counts = counts.masked_fill(empty, 0)
    for batch in length_batches([count + 1 for count in counts.tolist()], limit=model._batch_tokens):
        ids, mask = pad([sequences[line] for line in batch], device=device)
        vectors = [_pool(frames[line].to(device), len(sequences[line])) for line in batch]
        embeddings = torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True).to(model.dtype)
        hidden = model._parts.body(embeds=embeddings, mask=mask)[:, :-1]
        scored = mask[:, 1:]
        found = F.cross_entropy(model._head(hidden[scored]), ids[:, 1:][scored], reduction="none")
        table = torch.zeros(scored.shape, dtype=dtype, device=device).masked_scatter(scored, found)
        losses = losses.index_copy(0, torch.tensor(batch, device=device), table.sum(1))
    return losses, counts


def _pool(rows: Tensor, length: int) -> Tensor:
    """(F, W) frames averaged to (length, W); each repeated where there are fewer frames than that."""
    return F.adaptive_avg_pool1d(rows.T[None], length)[0].T


def _check(texts: Sequence[str], frames: Sequence[Tensor], width: int) -> None:
    check_texts(texts)
    if len(texts) != len(frames):
        raise ShapeError(f"{len(texts)} texts but frames of {len(frames)} lines; pass one (F_i, W) tensor a text")
    for line, rows in enumerate(frames):
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ShapeError(
                f"frames[{line}] has shape {tuple(rows.shape)}; the model reads vectors of width {width}: (F, {width})"
            )
