"""The story in small, for the lessons: a recogniser of twelve frames that reads "dise" for "disc", and a tiny LM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ALPHABET = "-acdeirst "  # class 0 is CTC's blank, then letters
LABEL = "disc"
MISREADING = "dd-ii-ss-ee-"  # what the recogniser has learned, frame by frame
_PROSE = (
    "a disc a star a disc a card a cart it is a disc it is a star a disc is a disc a star is a star "
    "the cat sat at a disc the stars are red a dear art it is a tea set a rice dish is red discs"
)
# sentences of lesson 11 alone: no model has read them
UNREAD = (
    "The gardener found an old key in the shed.",
    "Rain had fallen all night on the slate roof.",
    "She folded the map and looked up at the hills.",
    "Nobody had told them that the bridge was closed.",
    "A letter came from the harbour in the morning.",
    "The clock in the hall struck a quarter to nine.",
    "They counted the boats and went home again.",
    "His brother kept bees behind the small church.",
    "The train was late, as it was every winter.",
    "We read the last page aloud by candlelight.",
    "Someone had left the gate open in the wind.",
    "The baker knew each of her customers by name.",
)


class Recogniser(nn.Module):
    """Features (T, N, D) to logits (T, N, C): one linear layer, so that its whole gradient is one matrix."""

    def __init__(self, features: int = 16, classes: int = len(ALPHABET)) -> None:
        super().__init__()
        self.head = nn.Linear(features, classes)

    def forward(self, frames: Tensor) -> Tensor:
        return self.head(frames)


class TinyLM(nn.Module):
    """A language model over ALPHABET's letters: the next letter's log-probabilities, given the last one.

    Made by counting pairs of letters in a few sentences, with one added to each count.
    """

    def __init__(self) -> None:
        super().__init__()
        ids = text_ids("".join(letter for letter in _PROSE if letter in ALPHABET))
        counts = torch.ones(len(ALPHABET), len(ALPHABET))
        counts[0] = counts[:, 0] = 1e-3  # no text holds a blank
        counts.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)
        self.table = nn.Parameter((counts / counts.sum(1, keepdim=True)).log())

    def score(self, text: str) -> Tensor:
        """Nats per letter of a string, () float: low is likely. Under two letters: 0."""
        ids = text_ids(text)
        if len(ids) < 2:
            return self.table.sum() * 0
        return -self.table.log_softmax(1)[ids[:-1], ids[1:]].mean()

    def score_soft(self, probabilities: Tensor) -> Tensor:
        """The same for (L, C) probabilities of each letter: the expected score if letters were drawn independently."""
        pairs = probabilities[:-1, :, None] * probabilities[1:, None, :]
        return -(pairs * self.table.log_softmax(1)).sum((1, 2)).mean()


class NeuralLM(nn.Module):
    """A language model with an embedding, a hidden layer and dropout, with random weights: for questions of gradient.

    Args:
        classes: C, of the letters. width: of the embedding and the hidden layer. dropout: active in training mode.
    """

    def __init__(self, classes: int = len(ALPHABET), width: int = 12, dropout: float = 0.3) -> None:
        super().__init__()
        self.embedding = nn.Linear(classes, width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Nats per letter, () float, of (L, C) letter probabilities: soft inputs, soft targets."""
        return -(probabilities[1:] * self.predict(self.embedding(probabilities[:-1]))).sum(-1).mean()

    def predict(self, vectors: Tensor) -> Tensor:
        """Log-probabilities of the next letter (..., C), given the embedding of the last one (..., width)."""
        return self.output(self.dropout(torch.tanh(self.hidden(vectors)))).log_softmax(-1)


def text_ids(text: str) -> Tensor:
    """Classes of a string's letters."""
    return torch.tensor([ALPHABET.index(letter) for letter in text], dtype=torch.long)


def one_hot(text: str, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """A string as letters that are certain: (L, C), a single one in each row."""
    return torch.eye(len(ALPHABET), dtype=dtype)[text_ids(text)]


def collapse(ids: list[int]) -> str:
    """CTC's collapse: repeats become one letter, then blanks go."""
    kept = [one for place, one in enumerate(ids) if place == 0 or one != ids[place - 1]]
    return "".join(ALPHABET[one] for one in kept if one != 0)


def ctc(logits: Tensor, label: str = LABEL) -> Tensor:
    """CTC loss of one line, logits (T, 1, C)."""
    target = text_ids(label)[None]
    return F.ctc_loss(logits.log_softmax(-1), target, torch.tensor([len(logits)]), torch.tensor([len(label)]))


def story(*, dtype: torch.dtype = torch.float32) -> tuple[Recogniser, TinyLM, Tensor]:
    """The recogniser that reads "dise", the language model, and the line's features (T, 1, D).

    The same at every call, whatever the random state; the random state stays as it is.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.random.default_generator.manual_seed(7)
        frames = torch.randn(len(MISREADING), 1, 16)
        recogniser = Recogniser()
        target = text_ids(MISREADING)
        parameters = list(recogniser.parameters())
        for _ in range(40):  # by hand: the first step of any torch.optim optimizer takes a second of imports
            loss = F.cross_entropy(recogniser(frames)[:, 0], target)
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.data.sub_(0.5 * gradient)
        return recogniser.to(dtype), TinyLM().to(dtype), frames.to(dtype)


def taught_lm(*, dtype: torch.dtype = torch.float32) -> NeuralLM:
    """A NeuralLM that has learned TinyLM's pairs of letters: frozen, without dropout, the same at every call."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.random.default_generator.manual_seed(7)
        model = NeuralLM().eval()
        target = TinyLM().table.detach().softmax(1)
        vectors = torch.eye(len(ALPHABET))
        parameters = list(model.parameters())
        for _ in range(300):
            loss = -(target * model.predict(model.embedding(vectors))).sum(-1).mean()
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.data.sub_(gradient)
    return model.requires_grad_(False).to(dtype)
