import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)


class Lookahead:
    """k steps forward, 1 step back."""

    def __init__(self, optimizer, k=2, alpha=0.5):
        self.optimizer, self.k, self.alpha = optimizer, k, alpha
        self.slow = [[p.clone().detach() for p in g["params"]] for g in optimizer.param_groups]
        self.counter = 0

    def zero_grad(self):
        self.optimizer.zero_grad()

    def step(self):
        self.optimizer.step()
        self.counter += 1
        if self.counter % self.k:
            return
        with torch.no_grad():
            for group, slow in zip(self.optimizer.param_groups, self.slow):
                for p, q in zip(group["params"], slow):
                    q.add_(p - q, alpha=self.alpha)
                    p.copy_(q)


class CharModel(nn.Module):
    def __init__(self, vocab=12, dim=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.out = nn.Linear(dim, vocab, bias=False)
        self.out.weight = self.emb.weight

    def forward(self, ids, h):
        y, h = self.rnn(self.emb(ids), h)
        return self.out(y), h


base = torch.arange(12).repeat(20)
text = torch.stack([base[i:i + 181] for i in range(8)])
model = CharModel()
optimizer = Lookahead(torch.optim.Adam(model.parameters(), lr=1e-2))

hidden = torch.zeros(1, 8, 16)
for i in range(6):
    chunk = text[:, i * 30:i * 30 + 31]
    hidden = hidden.detach()
    logits, hidden = model(chunk[:, :-1], hidden)
    loss = F.cross_entropy(logits.reshape(-1, 12), chunk[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(f"chunk {i} loss {loss.item():.4f}")
