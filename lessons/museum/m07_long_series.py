"""Predicts the next value of a long series, window after window; the state goes on from one window to the next."""

import torch
from torch import nn

torch.manual_seed(7)
WINDOW, LINES = 10, 8


class Forecaster(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.cell = nn.GRUCell(1, width)
        self.out = nn.Linear(width, 1)

    def start(self, lines):
        return torch.zeros(lines, self.cell.hidden_size)

    def forward(self, window, state):
        """window (L, N) -> predictions (L, N) of the values that follow, and the state behind the last of them."""
        found = []
        for values in window:
            state = self.cell(values[:, None], state)
            found.append(self.out(state).squeeze(-1))
        return torch.stack(found), state


def waves(length):
    time = torch.arange(length)[:, None] * 0.3
    speed, phase = torch.rand(LINES) + 0.5, 6.28 * torch.rand(LINES)
    return torch.sin(time * speed + phase) + 0.05 * torch.randn(length, LINES)


def windows(series):
    for begin in range(0, len(series) - WINDOW - 1, WINDOW):
        yield series[begin : begin + WINDOW], series[begin + 1 : begin + WINDOW + 1]


class Average:
    """A mean of the last losses that forgets slowly."""

    def __init__(self, keep=0.9):
        self.keep, self.value = keep, None

    def add(self, number):
        self.value = number if self.value is None else self.keep * self.value + (1 - self.keep) * number
        return self.value


def train(model, series, optimizer, epochs):
    average = Average()
    for epoch in range(epochs):
        state = model.start(LINES)
        for window, following in windows(series):
            optimizer.zero_grad()
            predictions, state = model(window, state)
            loss = (predictions - following).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.add(loss.item())
        print(f"epoch {epoch}: loss {average.value:.4f}")


def main():
    series, model = waves(101), Forecaster()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    train(model, series, optimizer, epochs=3)


if __name__ == "__main__":
    main()
