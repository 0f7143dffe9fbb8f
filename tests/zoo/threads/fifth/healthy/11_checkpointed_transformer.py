import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint


class Block(nn.Module):
    def __init__(self, dim, drop=0.1):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(drop), nn.Linear(2 * dim, dim))

    def forward(self, x):
        q, k, v = self.qkv(self.n1(x)).chunk(3, -1)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + self.ff(self.n2(x))


class LM(nn.Module):
    def __init__(self, vocab=24, dim=32, depth=3, drop_path=0.1):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.pos = nn.Parameter(torch.randn(1, 32, dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, vocab, bias=False)
        self.head.weight = self.emb.weight
        self.drop_path = drop_path

    def forward(self, ids):
        x = self.emb(ids) + self.pos[:, :ids.size(1)]
        for blk in self.blocks:
            if self.training and torch.rand(()).item() < self.drop_path:
                continue
            x = checkpoint(blk, x, use_reentrant=False) if self.training else blk(x)
        return self.head(self.norm(x))


def main():
    torch.manual_seed(0)
    model = LM()
    for p in model.emb.parameters():
        nn.init.normal_(p, std=0.1)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(120):
        start, stride = torch.randint(0, 24, (16, 1)), torch.randint(1, 4, (16, 1))
        ids = (start + stride * torch.arange(13)) % 24
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 30 == 0:
            model.eval()
            with torch.no_grad():
                val = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
            model.train()
            print(f"step {step:3d} loss {loss.item():.4f} eval {val.item():.4f}")


if __name__ == "__main__":
    main()
