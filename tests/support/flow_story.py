"""The story's trainer step, small: CRNN with CTC, and a penalty by a GPT-2 with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

CHARACTERS = "-abcdefghijklmnopqrstuvwxyz .,"  # the first is the blank


class Recogniser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.rnn = nn.LSTM(32, 16, bidirectional=True)
        self.head = nn.Linear(32, len(CHARACTERS))

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.norm(self.convolution(images)))
        count, channels, height, width = maps.shape
        frames, _ = self.rnn(maps.permute(3, 0, 1, 2).reshape(width, count, channels * height))
        return self.head(frames)


def language_model() -> GPT2LMHeadModel:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=2, n_head=2, n_embd=16, n_positions=64, vocab_size=128, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config).eval()


class Trainer:
    """One step as the researcher wrote it."""

    def __init__(self, *, frozen: bool = True, under_no_grad: bool = True) -> None:
        torch.manual_seed(0)
        self.recogniser = Recogniser()
        self.lm = language_model().requires_grad_(not frozen)
        self.under_no_grad = under_no_grad
        self.images = torch.randn(2, 1, 8, 24)
        self.targets = torch.randint(1, len(CHARACTERS), (2, 5))

    def decode(self, logits: Tensor) -> list[str]:
        ids = logits.argmax(-1).T.cpu().numpy()  # <- argmax
        return ["".join(CHARACTERS[index] for index in row) for row in ids]

    def score(self, text: str) -> Tensor:
        ids = torch.tensor([[ord(character) for character in text]])  # <- reentry
        if not self.under_no_grad:
            return self.lm(ids, labels=ids).loss
        with torch.no_grad():  # <- scope
            return self.lm(ids, labels=ids).loss  # <- switched off

    def ctc(self, logits: Tensor) -> Tensor:
        frames, count, _ = logits.shape
        return F.ctc_loss(logits.log_softmax(-1), self.targets, torch.full((count,), frames), torch.full((count,), 5))

    def penalty(self, logits: Tensor) -> Tensor:
        return torch.stack([self.score(text) for text in self.decode(logits)]).mean()

    def terms(self) -> dict[str, Tensor]:
        logits = self.recogniser(self.images)
        return {"ctc": self.ctc(logits), "lm": self.penalty(logits)}

    def total(self) -> Tensor:
        logits = self.recogniser(self.images)
        ctc = self.ctc(logits)
        lm = self.penalty(logits)
        return ctc + 0.1 * lm

    def penalty_alone(self) -> Tensor:
        return self.penalty(self.recogniser(self.images))


def marked(mark: str) -> int:
    """The line of this file that ends in `# <- mark`."""
    with open(__file__, encoding="utf-8") as stream:
        return next(number for number, line in enumerate(stream, 1) if line.rstrip().endswith(f"# <- {mark}"))
