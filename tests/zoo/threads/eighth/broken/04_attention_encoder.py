import torch
import torch.nn as nn

torch.manual_seed(0)
T, D, H = 12, 5, 16


def make_series(n):
    t = torch.arange(T + 1).float()
    phase = torch.rand(n, D, 1) * 6.28
    freq = 0.3 + 0.5 * torch.rand(n, D, 1)
    series = torch.sin(freq * t + phase)
    x = series[:, :, :T].transpose(1, 2)
    y = series[:, :, T].mean(dim=1)
    return x, y


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(D + H, H)
        self.query = nn.Linear(H, H)

    def forward(self, x):
        n = x.size(0)
        h = x.new_zeros(n, H)
        c = x.new_zeros(n, H)
        history = x.new_zeros(n, T, H)
        for t in range(T):
            score = torch.bmm(history, self.query(h).unsqueeze(-1)).squeeze(-1)
            weight = torch.softmax(score, dim=1)
            context = (weight.unsqueeze(-1) * history).sum(dim=1)
            h, c = self.cell(torch.cat([x[:, t], context], dim=1), (h, c))
            history[:, t] += h
        return h, history


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.out = nn.Sequential(nn.Linear(2 * H, H), nn.Tanh(), nn.Linear(H, 1))

    def forward(self, x):
        h, history = self.encoder(x)
        return self.out(torch.cat([h, history.mean(dim=1)], dim=1)).squeeze(-1)


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.MSELoss()
x_train, y_train = make_series(512)

for epoch in range(15):
    perm = torch.randperm(len(x_train))
    total = 0.0
    for i in range(0, len(perm), 64):
        idx = perm[i:i + 64]
        optimizer.zero_grad()
        loss = criterion(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} mse {total / 8:.4f}")
