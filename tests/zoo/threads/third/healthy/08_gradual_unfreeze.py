# two-stage text classifier: the auxiliary LM regulariser is always in the loss, body thaws later
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)
V, T = 30, 8


class AWD(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, 12)
        self.rnns = nn.ModuleList([nn.LSTM(12, 16, batch_first=True), nn.LSTM(16, 16, batch_first=True)])

    def forward(self, x):
        h = self.emb(x)
        for r in self.rnns:
            h, _ = r(h)
        return h


class Learner(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = AWD()
        self.head = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 2))
        self.aux = nn.Linear(16, 2)

    def forward(self, x):
        h = self.body(x)
        return self.head(h[:, -1]), self.aux(h.mean(1)), h

    def groups(self):
        return [self.body.emb, self.body.rnns[0], self.body.rnns[1], nn.ModuleList([self.head])]

    def freeze_to(self, n):
        gs = self.groups()
        for i, g in enumerate(gs):
            for p in g.parameters():
                p.requires_grad_(i >= len(gs) - n)


def data(n=32):
    x = torch.randint(0, V, (n, T))
    return x, (x[:, -3:] < V // 2).float().mean(1).gt(0.5).long()


learn = Learner()
opt = torch.optim.Adam([{"params": learn.body.parameters(), "lr": 4e-3},
                        {"params": learn.head.parameters(), "lr": 1e-2},
                        {"params": learn.aux.parameters(), "lr": 1e-2}])
for epoch in range(5):
    learn.freeze_to(min(epoch + 1, 4))
    aux_w = 0.0 if epoch < 3 else 0.3
    run = 0.0
    for _ in range(6):
        x, y = data()
        logits, aux, h = learn(x)
        ar = 1e-3 * h.pow(2).mean()
        loss = F.cross_entropy(logits, y) + aux_w * F.cross_entropy(aux, y) + ar
        opt.zero_grad()
        loss.backward()
        opt.step()
        run += loss.item() / 6
    live = sum(p.numel() for p in learn.parameters() if p.requires_grad)
    print(f"epoch {epoch} loss {run:.4f} trainable {live}")
