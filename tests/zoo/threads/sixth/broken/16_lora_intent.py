"""Adapt a frozen text encoder to intent classification with low-rank adapters."""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
VOCAB, DIM, HEADS, LAYERS, SEQ, INTENTS = 60, 32, 4, 3, 12, 4


class LoRALinear(nn.Module):
    def __init__(self, base, rank=4, alpha=8.0):
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.normal_(self.down.weight, std=1.0 / rank)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.q, self.k = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.v, self.o = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, 64), nn.GELU(), nn.Linear(64, DIM))

    def forward(self, x):
        b, t, _ = x.shape
        h = self.ln1(x)
        q, k, v = (m(h).view(b, t, HEADS, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        att = (q @ k.transpose(-1, -2) / math.sqrt(DIM // HEADS)).softmax(-1)
        x = x + self.o((att @ v).transpose(1, 2).reshape(b, t, DIM))
        return x + self.mlp(self.ln2(x))


class Encoder(nn.Module):
    def __init__(self, gradient_checkpointing=False):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Parameter(0.02 * torch.randn(1, SEQ, DIM))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.gradient_checkpointing = gradient_checkpointing

    def forward(self, ids):
        x = self.tok(ids) + self.pos
        for block in self.blocks:
            if self.gradient_checkpointing and self.training:
                x = checkpoint(block, x, use_reentrant=True)
            else:
                x = block(x)
        return x


class IntentModel(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(DIM, INTENTS)

    def forward(self, ids):
        return self.head(self.encoder(ids).mean(1))


def inject_lora(encoder):
    encoder.requires_grad_(False)
    for block in encoder.blocks:
        block.q = LoRALinear(block.q)
        block.v = LoRALinear(block.v)
    return encoder


def make_data(n=512):
    ids = torch.randint(4, VOCAB, (n, SEQ))
    intent = torch.randint(0, INTENTS, (n,))
    for i in range(n):
        a, b = divmod(int(intent[i]), 2)
        ids[i, torch.randint(0, 6, (1,))] = a
        ids[i, 6 + torch.randint(0, 6, (1,))] = 2 + b
    return ids, intent


encoder = inject_lora(Encoder(gradient_checkpointing=True))
model = IntentModel(encoder)
params = [p for p in model.parameters() if p.requires_grad]
print(f"trainable parameters: {sum(p.numel() for p in params)}")
optimizer = torch.optim.AdamW(params, lr=3e-3)
ids, intent = make_data()

model.train()
for epoch in range(12):
    order = torch.randperm(len(ids))
    total, hits = 0.0, 0
    for idx in order.split(64):
        logits = model(ids[idx])
        loss = F.cross_entropy(logits, intent[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
        hits += (logits.argmax(-1) == intent[idx]).sum().item()
    print(f"epoch {epoch:2d} loss {total / len(ids):.4f} acc {hits / len(ids):.3f} "
          f"lora up norm {encoder.blocks[0].q.up.weight.norm().item():.4f}")
