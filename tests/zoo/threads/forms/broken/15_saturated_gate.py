import torch
from torch import nn

torch.manual_seed(0)


class SensorStream:
    """Pressure readings in pascal around the standard atmosphere."""

    def __init__(self, batch, length):
        self.batch, self.length = batch, length

    def __iter__(self):
        while True:
            drift = torch.randn(self.batch, 1) * 300
            wave = 800 * torch.sin(torch.arange(self.length + 1) * 0.6 + 6.28 * torch.rand(self.batch, 1))
            p = 101325.0 + drift + wave
            yield p[:, :-1], p[:, 1:]


class GatedCell(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gate = nn.Linear(1 + hidden, hidden)
        self.cand = nn.Linear(1 + hidden, hidden)

    def forward(self, value, state):
        both = torch.cat([value, state], dim=-1)
        g = torch.sigmoid(self.gate(both))
        return g * state + (1 - g) * torch.tanh(self.cand(both))


class Forecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.cell = GatedCell(hidden)
        self.out = nn.Linear(hidden, 1)
        self.hidden = hidden

    def forward(self, series):
        state = series.new_zeros(series.size(0), self.hidden)
        preds = []
        for value in series.unbind(1):
            state = self.cell(value.unsqueeze(-1), state)
            preds.append(self.out(state).squeeze(-1))
        return torch.stack(preds, dim=1)


model = Forecaster()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
stream = iter(SensorStream(32, 12))
for step in range(150):
    series, ahead = next(stream)
    loss = (model(series) - (ahead - 101325.0) / 1000).square().mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 30 == 0:
        print(f"{step} loss {loss.item():.4f} gate grad {model.cell.gate.weight.grad.norm().item():.2e}")
