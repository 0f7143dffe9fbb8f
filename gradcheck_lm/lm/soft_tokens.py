"""Soft tokens: from uncertain characters to uncertain tokens, and what they cost under a causal language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.lm.batches import check_texts, length_batches, pad

if TYPE_CHECKING:
    from gradcheck_lm.lm.score import LanguageModel

FLOWS = ("both", "inputs", "targets")

# Added to a posterior before its logarithm: too small to be seen in a probability, and the derivative of the product
# of posteriors stays right where one of them is exactly 0.
_TINY = 1e-30


@dataclass(frozen=True)
class TokenGroup:
    """All vocabulary tokens of the same number of characters n.

    Attributes:
        ids: (G,) token ids.
        columns: (n, G) for each token the posterior column of its k-th character.
    """

    ids: Tensor
    columns: Tensor


class SoftTokenTables:
    """The vocabulary sorted by number of characters, for one model and one set of characters; built once.

    Only tokens made wholly of `characters` take part. Others (special tokens, parts of a character, other scripts) can
    still occur in a hard reading; there they stay hard and carry no gradient.
    """

    def __init__(self, pieces: Sequence[bytes | None], characters: str, *, device: torch.device) -> None:
        self.device = device
        self.pieces = pieces
        column = {character: index for index, character in enumerate(characters)}
        members: dict[int, list[tuple[int, list[int]]]] = {}
        for token, piece in enumerate(pieces):
            text = _text(piece)
            if text and all(character in column for character in text):
                members.setdefault(len(text), []).append((token, [column[character] for character in text]))
        self.groups: dict[int, TokenGroup] = {}
        # for each token id: the number of its characters (0 where it takes no part) and its row in that group
        self.length = [0] * len(pieces)
        self.row = [0] * len(pieces)
        for count, rows in sorted(members.items()):
            ids = torch.tensor([token for token, _ in rows], device=device)
            columns = torch.tensor([columns for _, columns in rows], device=device).T.contiguous()
            self.groups[count] = TokenGroup(ids, columns)
            for position, (token, _) in enumerate(rows):
                self.length[token] = count
                self.row[token] = position


def _text(piece: bytes | None) -> str:
    """The characters of a token; empty where it is special or holds only a part of a character."""
    try:
        return (piece or b"").decode()
    except UnicodeDecodeError:
        return ""


@dataclass(frozen=True)
class _Placement:
    """Where the soft tokens of one group sit: line, position in the padded batch, first character, row in the group."""

    count: int
    lines: Tensor
    positions: Tensor
    characters: Tensor
    rows: Tensor


def soft_losses(
    model: LanguageModel,
    texts: Sequence[str],
    posteriors: Sequence[Tensor],
    characters: str,
    *,
    hard: bool,
    flow: str,
    begin: bool,
) -> tuple[Tensor, Tensor]:
    """Summed soft cross-entropy (N,), differentiable, and the number of scored tokens (N,)."""
    _check(texts, posteriors, characters, flow)
    device, dtype = model.device, model._result_dtype
    sequences = model._encode(texts, begin=begin)
    counts = torch.tensor([max(len(ids) - 1, 0) for ids in sequences], dtype=torch.long, device=device)
    model.scores_computed += len({text for text, ids in zip(texts, sequences, strict=True) if len(ids) > 1})
    # lines with nothing to score stay in the graph with a gradient of exactly zero
    losses = torch.zeros(len(texts), device=device, dtype=dtype)
    if texts:
        losses = torch.stack([rows[:0].sum() for rows in posteriors]).to(device, dtype)
    tables = model._soft_tables(characters)
    for batch in length_batches([len(ids) for ids in sequences], limit=model._batch_tokens):
        # posteriors of the batch as one table of characters, so that every token is a span of its rows
        flat = torch.cat([posteriors[line] for line in batch]).to(device, dtype)
        part = _batch_losses(
            model,
            tables,
            [texts[line] for line in batch],
            [sequences[line] for line in batch],
            flat,
            hard=hard,
            flow=flow,
            begin=begin,
        )
        losses = losses.index_copy(0, torch.tensor(batch, device=device), part)
    return losses, counts


def _batch_losses(
    model: LanguageModel,
    tables: SoftTokenTables,
    texts: list[str],
    sequences: list[list[int]],
    flat: Tensor,
    *,
    hard: bool,
    flow: str,
    begin: bool,
) -> Tensor:
    ids, mask = pad(sequences, device=model.device)
    placements = _place(model, tables, texts, sequences, begin=begin)
    log_posteriors = (flat + _TINY).log()
    embeddings = model._parts.embed(ids).detach()
    token_probabilities: list[tuple[_Placement, Tensor]] = []
    for placement in placements:
        probabilities = _spread(tables.groups[placement.count], placement, log_posteriors)
        if hard:
            one_hot = torch.zeros_like(probabilities).scatter_(1, placement.rows[:, None], 1.0)
            # the difference is exactly 0, so the forward value is exactly the hard token
            probabilities = one_hot + (probabilities - probabilities.detach())
        inputs = probabilities.detach() if flow == "targets" else probabilities
        expected = inputs.to(embeddings.dtype) @ model._parts.embed(tables.groups[placement.count].ids).detach()
        # in mixed precision a product is rounded, and only a GPU's index_put takes two formats
        embeddings = embeddings.index_put((placement.lines, placement.positions), expected.to(embeddings.dtype))
        token_probabilities.append((placement, probabilities.detach() if flow == "inputs" else probabilities))
    hidden = model._parts.body(embeds=embeddings, mask=mask)
    return _target_losses(model, tables, hidden, ids, mask, token_probabilities)


def _place(
    model: LanguageModel, tables: SoftTokenTables, texts: list[str], sequences: list[list[int]], *, begin: bool
) -> list[_Placement]:
    """Sort the tokens of all lines by their number of characters; tokens outside the tables stay hard."""
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    first = 0
    for line, (text, ids) in enumerate(zip(texts, sequences, strict=True)):
        starts = _character_starts(model, tables, text, ids[1:] if begin else ids)
        for position, (token, start) in enumerate(zip(ids[1:] if begin else ids, starts, strict=True)):
            count = tables.length[token]
            if count:
                found.setdefault(count, []).append((line, position + begin, first + start, tables.row[token]))
        first += len(text)
    placements = []
    for count, entries in sorted(found.items()):
        table = torch.tensor(entries, dtype=torch.long, device=model.device).T
        placements.append(_Placement(count, table[0], table[1], table[2], table[3]))
    return placements


def _character_starts(model: LanguageModel, tables: SoftTokenTables, text: str, ids: list[int]) -> list[int]:
    """For each token the index of the character at which it starts."""
    if text.isascii():
        starts, position = [], 0
        for token in ids:
            starts.append(position)
            position += len(tables.pieces[token] or b"?")
        if position == len(text):
            return starts
    else:
        # a token may hold a part of a character; then it takes no part in the tables and its start is not used
        place = [index for index, character in enumerate(text) for _ in character.encode()]
        starts, position = [], 0
        for token in ids:
            starts.append(place[position] if position < len(place) else 0)
            piece = tables.pieces[token]
            position += len(piece) if piece is not None else len(text[starts[-1]].encode())
        if position == len(place):
            return starts
    raise LanguageModelError(
        f"the tokenizer of {model.name!r} does not cut {text!r:.60} into pieces of that text, so its tokens cannot be "
        "made soft; use a byte-level model ('smollm2', 'gpt2', 'char') or a penalty that only needs score"
    )


def _spread(group: TokenGroup, placement: _Placement, log_posteriors: Tensor) -> Tensor:
    """(M, G) probabilities of the M placed tokens over the group: products of posteriors, normalised."""
    total = log_posteriors.new_zeros(())
    for offset, column in enumerate(group.columns):
        spans = log_posteriors.index_select(0, placement.characters + offset)
        total = total + spans.index_select(1, column)
    return total.softmax(-1)


def _target_losses(
    model: LanguageModel,
    tables: SoftTokenTables,
    hidden: Tensor,
    ids: Tensor,
    mask: Tensor,
    token_probabilities: list[tuple[_Placement, Tensor]],
) -> Tensor:
    """(B,) soft cross-entropy of tokens 2 to L: -sum over v of P(v) log p(v | what came before)."""
    table = torch.zeros(mask.shape, dtype=model._result_dtype, device=model.device)
    soft = torch.zeros_like(mask)
    pieces: list[tuple[tuple[Tensor, Tensor], Tensor]] = []
    for placement, probabilities in token_probabilities:
        soft[placement.lines, placement.positions] = True
        later = placement.positions > 0
        lines, positions, weights = placement.lines[later], placement.positions[later], probabilities[later]
        cost = _in_chunks(model, hidden[lines, positions - 1], weights, tables.groups[placement.count].ids)
        pieces.append(((lines, positions), cost))
    left = mask & ~soft
    left[:, 0] = False
    if bool(left.any()):
        lines, positions = left.nonzero(as_tuple=True)
        targets = ids[lines, positions]
        logits = model._head(hidden[lines, positions - 1])
        pieces.append(((lines, positions), -logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]))
    for place, cost in pieces:
        table = table.index_put(place, cost)
    return table.sum(1)


def _in_chunks(model: LanguageModel, hidden: Tensor, weights: Tensor, ids: Tensor) -> Tensor:
    def cost(hidden: Tensor, weights: Tensor) -> Tensor:
        logits = model._head(hidden)
        return logits.logsumexp(-1) - (weights * logits.index_select(1, ids)).sum(-1)

    chunks = list(model._chunks(len(hidden)))
    if len(chunks) <= 1:
        return cost(hidden, weights)
    # many positions: the vocabulary's logits are computed again in the backward pass and never held all at once
    run: Callable[..., Tensor] = checkpoint
    return torch.cat([run(cost, hidden[part], weights[part], use_reentrant=False) for part in chunks])


def _check(texts: Sequence[str], posteriors: Sequence[Tensor], characters: str, flow: str) -> None:
    check_texts(texts)
    if flow not in FLOWS:
        raise ArgumentError(f"flow={flow!r} is unknown; choose one of {', '.join(map(repr, FLOWS))}")
    if len(set(characters)) != len(characters):
        doubled = sorted({character for character in characters if characters.count(character) > 1})
        raise ArgumentError(f"characters holds {doubled} more than once; each posterior column needs its own character")
    if len(texts) != len(posteriors):
        raise ShapeError(f"{len(texts)} texts but {len(posteriors)} posteriors; pass one (L_i, A) tensor for each text")
    for line, (text, rows) in enumerate(zip(texts, posteriors, strict=True)):
        if tuple(rows.shape) != (len(text), len(characters)):
            raise ShapeError(
                f"posteriors[{line}] has shape {tuple(rows.shape)}; {text!r:.40} with {len(text)} characters over "
                f"{len(characters)} needs ({len(text)}, {len(characters)})"
            )
