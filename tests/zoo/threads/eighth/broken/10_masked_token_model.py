import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
VOCAB, LENGTH, DIM = 12, 12, 48
MASK_ID = VOCAB


def sample_sequences(n):
    """Codes repeat with period four, as rows of a tiled texture do."""
    tile = torch.randint(0, VOCAB, (n, 4))
    return tile.repeat(1, LENGTH // 4)


class TokenTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_emb = nn.Embedding(VOCAB + 1, DIM)
        self.pos_emb = nn.Parameter(torch.randn(1, LENGTH, DIM) * 0.5)
        layer = nn.TransformerEncoderLayer(DIM, 4, DIM * 2, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.to_logits = nn.Linear(DIM, VOCAB)

    def forward(self, x):
        h = self.token_emb(x) + self.pos_emb
        return self.to_logits(self.encoder(h))


class MaskGit(nn.Module):
    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, ids):
        batch, length = ids.shape
        rand_time = torch.rand(batch, 1)
        mask_prob = torch.cos(rand_time * math.pi * 0.5)
        num_masked = (length * mask_prob).round().clamp(min=1)
        ranks = torch.rand(batch, length).argsort(dim=-1).argsort(dim=-1)
        mask = ranks < num_masked

        x = torch.where(mask, torch.full_like(ids, MASK_ID), ids)
        labels = torch.where(mask, ids, torch.full_like(ids, -1))
        logits = self.transformer(ids)
        return F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-1)


@torch.no_grad()
def inpaint_accuracy(transformer, n=300):
    ids = sample_sequences(n)
    hole = torch.zeros(n, LENGTH, dtype=torch.bool)
    hole[:, 4:8] = True
    x = ids.masked_fill(hole, MASK_ID)
    pred = transformer(x).argmax(-1)
    return (pred == ids)[hole].float().mean().item()


model = MaskGit(TokenTransformer())
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)

for step in range(400):
    loss = model(sample_sequences(48))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.4f} inpainting accuracy {inpaint_accuracy(model.transformer):.3f}")
