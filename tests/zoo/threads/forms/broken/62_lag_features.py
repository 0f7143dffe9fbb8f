import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


def moving_average(series, width):
    padded = F.pad(series[:, None], (width // 2, width // 2), mode="replicate")
    kernel = torch.full((1, 1, width), 1.0 / width)
    return F.conv1d(padded, kernel)[:, 0, : series.size(1)]


def features(series, lags=(1, 2, 3), widths=(3, 7)):
    columns = [series.roll(lag, dims=1) for lag in lags]
    columns += [moving_average(series, w) for w in widths]
    return torch.stack(columns, dim=-1)


def walks(n, length=60):
    noise = torch.randn(n, length)
    x = torch.zeros(n, length)
    for t in range(1, length):
        x[:, t] = 0.6 * x[:, t - 1] + noise[:, t]
    return x


class Forecaster(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(count, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, f):
        return self.net(f).squeeze(-1)


def loss_on(model, series):
    f = features(series)[:, 5:-5]
    return F.mse_loss(model(f), series[:, 5:-5])


model = Forecaster(5)
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(200):
    loss = loss_on(model, walks(16))
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 0:
        with torch.no_grad():
            print(step, f"train {loss.item():.3f} validation {loss_on(model, walks(64)).item():.3f}")

with torch.no_grad():
    past = walks(500)
    known = past.clone()
    known[:, -1] = past[:, -2]
    live = model(features(known))[:, -1]
    print("live forecast error", F.mse_loss(live, past[:, -1]).item(), "noise floor", 1.0)
