"""Language model that reuses one block at every depth, with tied embeddings and checkpointing."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(28)
VOCAB, DIM, MAX_LEN, DEPTH = 28, 32, 32, 3


class SharedBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attn = nn.MultiheadAttention(DIM, 4, dropout=0.1, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(DIM, 64), nn.GELU(), nn.Linear(64, DIM), nn.Dropout(0.1))

    def forward(self, x, mask):
        h = self.ln1(x)
        x = x + self.attn(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.ff(self.ln2(x))


class RecurrentDepthLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.register_buffer("pos", self.sinusoid(), persistent=False)
        self.depth_emb = nn.Parameter(torch.zeros(DEPTH, DIM))
        self.block = SharedBlock()
        self.norm = nn.LayerNorm(DIM)
        self.bias = nn.Parameter(torch.zeros(VOCAB))
        nn.init.normal_(self.tok.weight, std=0.1)

    @staticmethod
    def sinusoid():
        t = torch.arange(MAX_LEN).unsqueeze(1)
        f = torch.exp(-torch.arange(0, DIM, 2) / DIM * 6.0)
        return 0.1 * torch.cat([torch.sin(t * f), torch.cos(t * f)], dim=1)

    def forward(self, ids):
        t = ids.size(1)
        mask = torch.triu(torch.full((t, t), float("-inf")), diagonal=1)
        x = self.tok(ids) + self.pos[:t]
        for d in range(DEPTH):
            x = x + self.depth_emb[d]
            if self.training:
                x = checkpoint(self.block, x, mask, use_reentrant=False)
            else:
                x = self.block(x, mask)
        return F.linear(self.norm(x), self.tok.weight, self.bias)


def sequences(n, length):
    a = torch.randint(1, 5, (n, 1))
    start = torch.randint(0, VOCAB, (n, 1))
    return (start + a * torch.arange(length + 1)) % VOCAB


def split_decay(model):
    decay = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]


model = RecurrentDepthLM()
optimizer = torch.optim.AdamW(split_decay(model), lr=5e-3)
for step in range(120):
    length = 8 + 8 * min(step // 30, 2)         # sequences grow as training goes on
    seq = sequences(20, length)
    model.train()
    logits = model(seq[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), seq[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if (step + 1) % 30 == 0:
        model.eval()
        with torch.no_grad():
            seq = sequences(200, 24)
            acc = (model(seq[:, :-1]).argmax(-1) == seq[:, 1:])[:, 2:].float().mean().item()
        print(f"step {step + 1:3d} length {length} loss {loss.item():.4f} accuracy {acc:.3f}")
