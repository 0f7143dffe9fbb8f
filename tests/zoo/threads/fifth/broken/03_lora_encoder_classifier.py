import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class LoRALinear(nn.Linear):
    def __init__(self, d_in, d_out, r=4, alpha=16):
        super().__init__(d_in, d_out)
        self.lora_A = nn.Parameter(torch.zeros(r, d_in))
        self.lora_B = nn.Parameter(torch.zeros(d_out, r))
        self.scaling = alpha / r
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x):
        return super().forward(x) + (x @ self.lora_A.t() @ self.lora_B.t()) * self.scaling


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q, self.k, self.v = LoRALinear(dim, dim), nn.Linear(dim, dim), LoRALinear(dim, dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x):
        h = self.n1(x)
        x = x + F.scaled_dot_product_attention(self.q(h), self.k(h), self.v(h))
        return x + self.ff(self.n2(x))


class Encoder(nn.Module):
    def __init__(self, vocab=50, dim=32, depth=2):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])

    def forward(self, ids):
        x = self.emb(ids)
        for blk in self.blocks:
            x = blk(x)
        return x.mean(1)


class TextClassifier(nn.Module):
    def __init__(self, encoder, n_class):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(32, n_class)

    def forward(self, ids):
        return self.head(self.encoder(ids))


def freeze(module):
    for p in module.parameters():
        p.requires_grad = False
    return module


def mark_only_lora_as_trainable(model, bias="none"):
    for n, p in model.named_parameters():
        if "lora_" not in n:
            p.requires_grad = False
    if bias == "all":
        for n, p in model.named_parameters():
            if "bias" in n:
                p.requires_grad = True


def load_backbone():
    torch.manual_seed(7)
    return freeze(Encoder())


def make_data(n):
    ids = torch.randint(0, 50, (n, 10))
    return ids, ((ids[:, 0] % 2) ^ (ids[:, 1] % 2))


def main():
    encoder = load_backbone()
    mark_only_lora_as_trainable(encoder)
    torch.manual_seed(0)
    model = TextClassifier(encoder, 2)
    ids, y = make_data(512)
    opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    model.train()
    for epoch in range(12):
        perm = torch.randperm(len(ids))
        total = 0.0
        for b in perm.split(64):
            loss = F.cross_entropy(model(ids[b]), y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(b)
        if epoch % 3 == 0:
            acc = (model(ids).argmax(-1) == y).float().mean()
            print(f"epoch {epoch} loss {total / len(ids):.4f} train acc {acc:.3f}")
    print("lora_B norm", sum(p.norm().item() for n, p in model.named_parameters() if "lora_B" in n))


if __name__ == "__main__":
    main()
