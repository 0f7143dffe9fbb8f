"""Instruction tuning: prompt tokens carry no loss, micro-batches are weighted by answer tokens."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(24)
VOCAB, DIM, PAD, EOS, IGNORE = 32, 48, 0, 1, -100
MICRO, ACCUM = 8, 4


def example():
    key = int(torch.randint(2, VOCAB, ()))
    prompt = torch.randint(2, VOCAB, (int(torch.randint(2, 7, ())),))
    prompt = torch.cat([prompt, torch.tensor([key])])
    n = int(torch.randint(1, 9, ()))
    answer = 2 + (key - 2 + 1 + torch.arange(n)) % (VOCAB - 2)
    answer = torch.cat([answer, torch.tensor([EOS])])
    ids = torch.cat([prompt, answer])
    labels = torch.cat([torch.full_like(prompt, IGNORE), answer])
    return ids, labels


def collate(rows):
    ids = pad_sequence([r[0] for r in rows], batch_first=True, padding_value=PAD)
    labels = pad_sequence([r[1] for r in rows], batch_first=True, padding_value=IGNORE)
    return ids, labels


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, DIM), nn.Embedding(32, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, VOCAB, bias=False)
        self.head.weight = self.tok.weight
        nn.init.normal_(self.tok.weight, std=0.2)

    def forward(self, ids):
        t = ids.size(1)
        mask = torch.triu(torch.ones(t, t, dtype=torch.bool), diagonal=1)
        x = self.tok(ids) + self.pos(torch.arange(t))
        return self.head(self.norm(self.blocks(x, mask=mask)))


data = [example() for _ in range(600)]
model = Decoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 15))

for epoch in range(6):
    model.train()
    order = torch.randperm(len(data)).tolist()
    micro = [[data[j] for j in order[i:i + MICRO]] for i in range(0, len(order), MICRO)]
    total, tokens = 0.0, 0
    for i in range(0, len(micro), ACCUM):
        group = [collate(m) for m in micro[i:i + ACCUM]]
        n_tokens = sum(int((labels[:, 1:] != IGNORE).sum()) for _, labels in group)
        optimizer.zero_grad()
        for ids, labels in group:
            logits = model(ids)[:, :-1]
            loss = F.cross_entropy(logits.reshape(-1, VOCAB), labels[:, 1:].reshape(-1),
                                   ignore_index=IGNORE, reduction="sum") / n_tokens
            loss.backward()
            total += loss.item() * n_tokens
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        tokens += n_tokens
    print(f"epoch {epoch} answer loss {total / tokens:.4f} lr {scheduler.get_last_lr()[0]:.1e}")
