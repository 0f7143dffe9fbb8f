"""A recurrent net that says in which frames of a series something begins."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(3)
FRAMES, FEATURES, LIMIT = 20, 6, 0.5


class Onsets(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.rnn = nn.GRU(FEATURES, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, 1)

    def forward(self, frames):
        states, _ = self.rnn(frames)
        return self.out(states).squeeze(-1)


def series(count):
    """Frames that jump where something begins."""
    begins = (torch.rand(count, FRAMES) < 0.15).float()
    level = begins.cumsum(1)[..., None] * torch.linspace(0.5, 1.5, FEATURES)
    return level + 0.1 * torch.randn(count, FRAMES, FEATURES), begins


def weighted_loss(logits, begins):
    """Frames in which something begins are rare, and count more."""
    weight = torch.where(begins > 0, 5.0, 1.0)
    return F.binary_cross_entropy_with_logits(logits, begins, weight=weight)


def score(logits, begins):
    found = logits > 0
    hits = (found & (begins > 0)).sum().item()
    return 2 * hits / max(1, (found.sum() + begins.sum()).item())


class Trainer:
    def __init__(self, model, rate=3e-3):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=20, gamma=0.5)
        self.losses = []

    def step(self, frames, begins):
        loss = weighted_loss(self.model(frames), begins)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        nn.utils.clip_grad_norm_(self.model.parameters(), LIMIT)
        self.losses.append(loss.item())

    def fit(self, steps):
        for step in range(steps):
            self.step(*series(16))
            if step % 10 == 0:
                print(f"step {step}: loss {self.losses[-1]:.4f}")


def main():
    trainer = Trainer(Onsets())
    trainer.fit(30)
    frames, begins = series(64)
    with torch.no_grad():
        print(f"F1 {score(trainer.model(frames), begins):.3f}")


if __name__ == "__main__":
    main()
