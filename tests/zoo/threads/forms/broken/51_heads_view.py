import math
import torch
from torch import nn

torch.manual_seed(0)


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def split(self, t):
        b, n, d = t.shape
        return t.reshape(b, self.heads, n, d // self.heads)

    def forward(self, x):
        q, k, v = map(self.split, self.qkv(x).chunk(3, dim=-1))
        score = torch.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(q.size(-1))
        n = x.size(1)
        causal = torch.ones(n, n, dtype=torch.bool).tril()
        mixed = torch.einsum("bhij,bhjd->bhid", score.where(causal, -torch.inf).softmax(-1), v)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    def __init__(self, vocab, dim=32, heads=4, depth=2, length=12):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.pos = nn.Parameter(0.1 * torch.randn(length, dim))
        self.attn = nn.ModuleList(Attention(dim, heads) for _ in range(depth))
        self.ff = nn.ModuleList(nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim)) for _ in range(depth))
        self.norm = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2 * depth))
        self.out = nn.Linear(dim, vocab)

    def forward(self, ids):
        h = self.embed(ids) + self.pos[: ids.size(1)]
        for i, (attn, ff) in enumerate(zip(self.attn, self.ff)):
            h = h + attn(self.norm[2 * i](h))
            h = h + ff(self.norm[2 * i + 1](h))
        return self.out(h)


def copies(n):
    first = torch.randint(8, (n, 6))
    return torch.cat([first, first], dim=1)


model = Decoder(8)
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(200):
    ids = copies(48)
    logits = model(ids[:, :-1])
    loss = nn.functional.cross_entropy(logits[:, 5:].flatten(0, 1), ids[:, 6:].flatten())
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 40 == 0:
        print(step, round(loss.item(), 3))

with torch.no_grad():
    ids = copies(200)
    out = ids[:, :6]
    for _ in range(6):
        out = torch.cat([out, model(out)[:, -1:].argmax(-1)], dim=1)
    print("copied correctly", (out[:, 6:] == ids[:, 6:]).float().mean().item())
