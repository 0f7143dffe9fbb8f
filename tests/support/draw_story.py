"""The story in sixty lines: a recogniser with CTC, a frozen language model, the broken penalty and four that work."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ALPHABET = "-abcdefghij"


class Recogniser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.rnn = nn.LSTM(4 * 8, 8, bidirectional=True)
        self.head = nn.Linear(16, len(ALPHABET))

    def forward(self, images: Tensor) -> Tensor:
        features = self.cnn(images).permute(3, 0, 1, 2).flatten(2)
        return self.head(self.rnn(features)[0])


class LanguageModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(ALPHABET), 8)
        self.out = nn.Linear(8, len(ALPHABET))

    def forward(self, ids: Tensor) -> Tensor:
        return F.cross_entropy(self.out(self.embedding(ids[:-1])), ids[1:])

    def soft(self, probabilities: Tensor) -> Tensor:
        return F.cross_entropy(self.out(probabilities[:-1] @ self.embedding.weight), probabilities[1:])


def argmax(model: LanguageModel, logits: Tensor) -> Tensor:
    """The broken one: argmax, NumPy, strings, new tensors, no_grad."""
    read = logits.argmax(-1).cpu().numpy()
    texts = ["".join(ALPHABET[i] for i in column) for column in read.T]
    total = torch.zeros(())
    for text in texts:
        ids = torch.tensor([ALPHABET.index(c) for c in text])
        with torch.no_grad():
            total = total + model(ids)
    return total / len(texts)


def soft_embedding(model: LanguageModel, logits: Tensor) -> Tensor:
    return torch.stack([model.soft(line) for line in logits.softmax(-1).unbind(1)]).mean()


def gumbel_softmax(model: LanguageModel, logits: Tensor) -> Tensor:
    hard = F.gumbel_softmax(logits, hard=True)
    return torch.stack([model.soft(line) for line in hard.unbind(1)]).mean()


def straight_through(model: LanguageModel, logits: Tensor) -> Tensor:
    soft = logits.softmax(-1)
    hard = F.one_hot(soft.argmax(-1), len(ALPHABET)).float()
    return torch.stack([model.soft(line) for line in (hard + soft - soft.detach()).unbind(1)]).mean()


def policy_gradient(model: LanguageModel, logits: Tensor) -> Tensor:
    path = torch.distributions.Categorical(logits=logits)
    ids = path.sample()
    with torch.no_grad():
        cost = torch.stack([model(line) for line in ids.unbind(1)])
    return ((cost - cost.mean()).detach() * path.log_prob(ids).sum(0)).mean()


ARMS: dict[str, Callable[[LanguageModel, Tensor], Tensor]] = {
    "argmax": argmax,
    "soft_embedding": soft_embedding,
    "gumbel_softmax": gumbel_softmax,
    "straight_through": straight_through,
    "policy_gradient": policy_gradient,
}


def make(arm: str) -> tuple[Recogniser, Callable[[], dict[str, Tensor]]]:
    """The recogniser, and a function that computes the two loss terms of one step."""
    torch.manual_seed(0)
    recogniser, language_model = Recogniser(), LanguageModel().requires_grad_(False)
    images = torch.rand(2, 1, 16, 32)
    targets, lengths = torch.randint(1, len(ALPHABET), (2, 5)), torch.full((2,), 5)

    def step() -> dict[str, Tensor]:
        torch.manual_seed(1)
        logits = recogniser(images)
        frames = torch.full((2,), logits.shape[0])
        ctc = F.ctc_loss(logits.log_softmax(-1), targets, frames, lengths)
        return {"ctc": ctc, "lm": 0.1 * ARMS[arm](language_model, logits)}

    return recogniser, step
