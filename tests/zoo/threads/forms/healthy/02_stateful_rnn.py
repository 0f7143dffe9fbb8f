import torch
from torch import nn

torch.manual_seed(0)


class Stream:
    """Two detuned sines per row, cut into consecutive windows."""

    def __init__(self, rows, window):
        self.freq = 0.2 + 0.4 * torch.rand(rows, 2)
        self.at, self.window = 0, window

    def next(self):
        t = torch.arange(self.at, self.at + self.window + 1)
        wave = torch.sin(self.freq[:, :, None] * t).sum(1).unsqueeze(-1)
        self.at += self.window
        return wave[:, :-1], wave[:, 1:]


class Stateful(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        self.state = None

    def forget(self, keep_prob=0.9):
        if self.state is None:
            return
        keep = torch.rand(1, self.state.size(1), 1) < keep_prob
        self.state = self.state.detach() * keep

    def forward(self, x):
        h, state = self.rnn(x, self.state)
        self.state = state
        return self.out(h)


model = Stateful()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
stream = Stream(24, 12)
for step in range(200):
    model.forget()
    x, ahead = stream.next()
    loss = nn.functional.mse_loss(model(x), ahead)
    optim.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step()
    if step % 40 == 0:
        print(step, round(loss.item(), 4))
