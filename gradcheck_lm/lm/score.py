"""A frozen causal language model that says how many nats a text costs: batched by length, padded, deduplicated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradcheck_lm.errors import LanguageModelError
from gradcheck_lm.lm.batches import check_texts, length_batches, pad
from gradcheck_lm.lm.frames import frame_losses
from gradcheck_lm.lm.graphs import Graphs
from gradcheck_lm.lm.soft_tokens import SoftTokenTables, soft_losses
from gradcheck_lm.lm.tokens import Tokens


@dataclass(frozen=True)
class Parts:
    """A causal LM in two halves, so that the vocabulary's costly last layer runs on real positions only."""

    body: Callable[..., Tensor]
    head: Callable[[Tensor], Tensor]
    embed: Callable[[Tensor], Tensor]
    width: int
    vocabulary: int
    context: int | None


class LanguageModel:
    """A frozen causal language model. `score` and `nll` give no gradient; `score_soft` and `nll_soft` do.

    Make one with `load_language_model`. All results are float32 on `device` (float64 for a float64 model), in nats.

    Attributes:
        name: what it was loaded as.
        module: the transformers model, in eval mode, with requires_grad False everywhere.
        scores_computed: how many distinct strings have gone through the model since it was loaded.
    """

    def __init__(self, module: nn.Module, parts: Parts, tokens: Tokens, *, name: str) -> None:
        self.name = name
        self.module = module.eval().requires_grad_(False)
        self.tokens = tokens
        self.scores_computed = 0
        self._graphs = Graphs(parts.body, module)
        self._parts = replace(parts, body=self._graphs)
        self._tables: dict[str, SoftTokenTables] = {}
        self._pieces: list[bytes | None] | None = None

    def __repr__(self) -> str:
        millions = sum(parameter.numel() for parameter in self.module.parameters()) / 1e6
        dtype = str(self.dtype).removeprefix("torch.")
        return f"LanguageModel({self.name!r}, {millions:.1f} M parameters, {dtype} on {self.device})"

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.module.parameters()).dtype

    @property
    def replays(self) -> bool:
        """Whether texts are scored by CUDA graphs of the batches' sizes, on a GPU; False unless it is set."""
        return self._graphs.wanted

    @replays.setter
    def replays(self, wanted: bool) -> None:
        self._graphs.wanted = wanted

    @property
    def parameters_frozen(self) -> bool:
        """True unless somebody thawed `module` by hand: a thawed LM makes a dead penalty look alive."""
        return not any(parameter.requires_grad for parameter in self.module.parameters())

    def score(self, texts: Sequence[str]) -> Tensor:
        """Nats per token of each text on its own: no begin-of-text token, mean over tokens 2 to L.

        Args:
            texts: N strings; doubles are computed once.
        Returns:
            (N,) float32 nats per token; inf where the text has fewer than two tokens.
        Raises:
            LanguageModelError: a text is longer than the model's context.
        Gradient: none.
        """
        totals, counts, inverse = self._unique_losses(texts, begin=False)
        return torch.where(counts > 0, totals / counts.clamp_min(1), torch.inf)[inverse].to(self._result_dtype)

    def nll(self, texts: Sequence[str]) -> Tensor:
        """Nats of each whole text, every token counted, after a begin-of-text token.

        Returns:
            (N,) float32 nats, a sum; 0 for an empty text.
        Raises:
            LanguageModelError: a text is longer than the model's context.
        Gradient: none.
        """
        totals, _, inverse = self._unique_losses(texts, begin=True)
        return totals[inverse].to(self._result_dtype)

    def score_soft(
        self,
        texts: Sequence[str],
        posteriors: Sequence[Tensor],
        characters: str,
        *,
        hard: bool = False,
        flow: str = "both",
    ) -> Tensor:
        """`score` of texts whose characters are uncertain: expected embeddings in, soft cross-entropy out.

        Each token of n characters spreads its probability over all vocabulary tokens of n characters, in proportion to
        the product of the character posteriors. Where every posterior is one-hot the result equals `score`. The
        segmentation into characters is taken as given, so no gradient asks for an insertion or a deletion.

        Args:
            texts: N strings, the hard readings.
            posteriors: N tensors (L_i, A) of probabilities over `characters`, one row per character of the text.
            characters: A characters, the order of the posteriors' columns.
            hard: straight-through at the token: the value is that of `score`, bit for bit; only the gradient is soft.
            flow: through the LM's "inputs", its "targets", or "both".
        Returns:
            (N,) nats per token; inf where the text has fewer than two tokens.
        Raises:
            ShapeError: a tensor's axes do not fit its text or the characters.
            LanguageModelError: a text is too long, or the tokenizer does not cut texts into pieces of them.
        Gradient: biased surrogate, with respect to the posteriors.
        Source: expected embeddings and soft targets as in Guo et al., Gradient-based Adversarial Attacks against Text
            Transformers (2021), eq. 6 and 7, here with spans of characters in place of single tokens.
        """
        losses, counts = soft_losses(self, texts, posteriors, characters, hard=hard, flow=flow, begin=False)
        mean = torch.where(counts > 0, losses / counts.clamp_min(1), torch.inf)
        return _straight_through(self.score(texts), mean) if hard else mean

    def nll_soft(
        self,
        texts: Sequence[str],
        posteriors: Sequence[Tensor],
        characters: str,
        *,
        hard: bool = False,
        flow: str = "both",
    ) -> Tensor:
        """`nll` of texts whose characters are uncertain; arguments and errors as for `score_soft`.

        Returns:
            (N,) nats, a sum; 0 for an empty text.
        Gradient: biased surrogate, with respect to the posteriors.
        """
        losses, _ = soft_losses(self, texts, posteriors, characters, hard=hard, flow=flow, begin=True)
        return _straight_through(self.nll(texts), losses) if hard else losses

    @property
    def vector_width(self) -> int:
        """Numbers in an embedding: what `score_from_frames` reads."""
        return self._parts.width

    def score_from_frames(self, texts: Sequence[str], frames: Sequence[Tensor]) -> Tensor:
        """Nats per token of each text where the model reads vectors in place of the text's tokens.

        A text's frames are averaged to as many vectors as it has tokens; from vectors 1 to i the model is asked for
        token i + 1, as transformers does with `inputs_embeds` and `labels`.

        Args:
            texts: N strings.
            frames: N tensors (F_i, `vector_width`), in reading order.
        Returns:
            (N,) nats per token, mean over tokens 2 to L; inf where there are fewer than two, or no frame.
        Raises:
            ShapeError: frames that do not fit; LanguageModelError: a text is too long.
        Gradient: exact, with respect to the frames.
        """
        losses, counts = frame_losses(self, texts, frames)
        return torch.where(counts > 0, losses / counts.clamp_min(1), torch.inf)

    # The rest is for this package: soft_tokens and frames use it too.

    @property
    def _result_dtype(self) -> torch.dtype:
        return torch.float64 if self.dtype == torch.float64 else torch.float32

    def _encode(self, texts: Sequence[str], *, begin: bool) -> list[list[int]]:
        """Token ids with the begin-of-text token in front where asked, checked against the context."""
        front = [self.tokens.begin] if begin else []
        sequences = [front + ids for ids in self.tokens.encode(texts)]
        context = self._parts.context
        for text, ids in zip(texts, sequences, strict=True):
            if context is not None and len(ids) > context:
                raise LanguageModelError(
                    f"a text of {len(text)} characters makes {len(ids)} tokens and {self.name!r} takes at most "
                    f"{context}: {text[:40]!r}...; score shorter texts or use a model with a longer context"
                )
        return sequences

    @torch.no_grad()
    def _unique_losses(self, texts: Sequence[str], *, begin: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Of the U distinct texts the summed nats and numbers of scored tokens; and each text's index (N,) in them."""
        check_texts(texts)
        unique = list(dict.fromkeys(texts))
        place = {text: index for index, text in enumerate(unique)}
        inverse = torch.tensor([place[text] for text in texts], dtype=torch.long, device=self.device)
        sequences = self._encode(unique, begin=begin)
        counts = torch.tensor([max(len(ids) - 1, 0) for ids in sequences], dtype=torch.long, device=self.device)
        totals = torch.zeros(len(unique), dtype=torch.float64, device=self.device)
        for batch in length_batches([len(ids) for ids in sequences], limit=self._batch_tokens):
            totals[torch.tensor(batch, device=self.device)] = self._batch_losses([sequences[row] for row in batch])
        self.scores_computed += int((counts > 0).sum())
        return totals, counts, inverse

    def _batch_losses(self, sequences: list[list[int]]) -> Tensor:
        """Summed nats (B,) of tokens 2 to L of sequences that all have at least two tokens."""
        ids, mask = pad(sequences, device=self.device)
        # the last token of all is only asked for, never read
        hidden = self._parts.body(ids=ids[:, :-1], mask=mask[:, :-1])
        scored = mask[:, 1:]
        rows, targets = hidden[scored], ids[:, 1:][scored]
        losses = [
            F.cross_entropy(self._head(rows[part]), targets[part], reduction="none") for part in self._chunks(len(rows))
        ]
        # a padded table summed by row: index_add would add in no fixed order on a GPU
        table = torch.zeros(scored.shape, dtype=torch.float64, device=self.device)
        table[scored] = torch.cat(losses).double()
        return table.sum(1)

    def _head(self, hidden: Tensor) -> Tensor:
        return self._parts.head(hidden).to(self._result_dtype)

    def _chunks(self, rows: int) -> Iterator[slice]:
        """Slices of at most 128 MB (CPU) or 1 GB (GPU) of float32 logits."""
        memory = 2**27 if self.device.type == "cpu" else 2**30
        step = max(1, memory // (4 * self._parts.vocabulary))
        return (slice(start, min(start + step, rows)) for start in range(0, rows, step))

    @property
    def _batch_tokens(self) -> int:
        return 4096 if self.device.type == "cpu" else 65536

    def _soft_tables(self, characters: str) -> SoftTokenTables:
        tables = self._tables.get(characters)
        if tables is None or tables.device != self.device:
            if self._pieces is None:
                self._pieces = self.tokens.pieces()
            tables = SoftTokenTables(self._pieces, characters, device=self.device)
            self._tables[characters] = tables
        return tables


def _straight_through(value: Tensor, surrogate: Tensor) -> Tensor:
    """`value` bit for bit, with the gradient of `surrogate`; infinite values get no gradient."""
    finite = torch.isfinite(value)
    return value + torch.where(finite, surrogate - surrogate.detach(), 0.0)
