import torch
import torch.nn as nn


class MetaLSTM(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.cell = nn.LSTMCell(2, hidden)
        self.out = nn.Linear(hidden, 1)
        self.hidden = hidden

    def init(self, n):
        return torch.zeros(n, self.hidden), torch.zeros(n, self.hidden)

    def forward(self, grad, loss, state):
        inp = torch.stack([grad, loss.expand_as(grad)], dim=1)
        h, c = self.cell(inp, state)
        return 0.1 * self.out(h).squeeze(1), (h, c)


class Learner(nn.Module):
    def __init__(self, d=6, n_class=3):
        super().__init__()
        self.fc = nn.Linear(d, n_class)

    def forward(self, x, y):
        return nn.functional.cross_entropy(self.fc(x), y)

    def assign(self, flat_update):
        i = 0
        for p in self.parameters():
            p.data.add_(flat_update[i:i + p.numel()].view_as(p))
            i += p.numel()


def episode(d=6, shots=5, n_class=3):
    mu = torch.randn(n_class, d) * 2
    y = torch.arange(n_class).repeat(2 * shots)
    x = mu[y] + torch.randn(len(y), d)
    half = n_class * shots
    return (x[:half], y[:half]), (x[half:], y[half:])


torch.manual_seed(0)
meta = MetaLSTM()
meta_opt = torch.optim.Adam(meta.parameters(), lr=1e-2)
for it in range(4):
    (sx, sy), (qx, qy) = episode()
    learner = Learner()
    state = meta.init(sum(p.numel() for p in learner.parameters()))
    meta_loss = 0.0
    for inner in range(3):
        loss = learner(sx, sy)
        grads = torch.autograd.grad(loss, list(learner.parameters()))
        flat = torch.cat([g.flatten() for g in grads])
        update, state = meta(flat, loss.detach(), state)
        learner.assign(update)
        meta_loss = meta_loss + learner(qx, qy)
    meta_opt.zero_grad()
    meta_loss.backward()
    meta_opt.step()
    print(f"iteration {it} meta loss {meta_loss.item() / 3:.4f}")
