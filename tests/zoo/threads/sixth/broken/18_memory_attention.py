"""Causal language model whose keys and values are compressed with a strided convolution."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
VOCAB, DIM, HEADS, SEQ = 32, 48, 4, 24


class ConvCompress(nn.Module):
    def __init__(self, dim, ratio=3, groups=1):
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, ratio, stride=ratio, groups=groups)

    def forward(self, mem):
        return self.conv(mem.transpose(1, 2)).transpose(1, 2)


class MemoryCompressedAttention(nn.Module):
    def __init__(self, dim, heads, ratio=3, causal=True):
        super().__init__()
        self.heads, self.ratio, self.causal = heads, ratio, causal
        self.scale = (dim // heads) ** -0.5
        self.compress = ConvCompress(dim, ratio)
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Linear(dim, dim)
        self.null_k = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.null_v = nn.Parameter(torch.zeros(1, 1, dim))

    def split(self, t):
        b, n, d = t.shape
        return t.view(b, n, self.heads, d // self.heads).transpose(1, 2)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.to_qkv(x).chunk(3, dim=-1)
        k, v = self.compress(k), self.compress(v)
        k = torch.cat([self.null_k.expand(b, -1, -1), k], dim=1)
        v = torch.cat([self.null_v.expand(b, -1, -1), v], dim=1)
        q, k, v = map(self.split, (q, k, v))
        dots = torch.einsum("bhid,bhjd->bhij", q, k) * self.scale

        if self.causal:
            q_range = torch.arange(t)
            # the block ending at position (j + 1) * ratio - 1 is visible from there on
            k_last = torch.arange(t // self.ratio) * self.ratio + self.ratio - 1
            mask = q_range[:, None] < k_last[None, :]
            mask = F.pad(mask, (1, 0), value=False)
            dots.masked_fill_(mask, -float("-inf"))

        attn = dots.softmax(dim=-1)
        out = torch.einsum("bhij,bhjd->bhid", attn, v)
        return self.to_out(out.transpose(1, 2).reshape(b, t, d))


class LanguageModel(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Embedding(SEQ, DIM)
        self.layers = nn.ModuleList(
            nn.ModuleList([
                nn.LayerNorm(DIM), MemoryCompressedAttention(DIM, HEADS),
                nn.LayerNorm(DIM), nn.Sequential(nn.Linear(DIM, 96), nn.GELU(), nn.Linear(96, DIM)),
            ]) for _ in range(depth))
        self.out = nn.Linear(DIM, VOCAB)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        for ln1, attn, ln2, ff in self.layers:
            x = x + attn(ln1(x))
            x = x + ff(ln2(x))
        return self.out(x)


def sample_text(n):
    jump = torch.randint(1, 4, (n, 1))
    start = torch.randint(0, VOCAB, (n, 1))
    return (start + jump * torch.arange(SEQ + 1)) % VOCAB


model = LanguageModel()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(150):
    seq = sample_text(32)
    logits = model(seq[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), seq[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step:3d} loss {loss.item():.4f}")
print(f"final loss {loss.item():.4f}")
