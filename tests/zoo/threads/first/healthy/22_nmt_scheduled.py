import random

import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, BOS, EOS, V = 0, 1, 2, 24


class Encoder(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.emb = nn.Embedding(V, d, padding_idx=PAD)
        self.gru = nn.GRU(d, d, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * d, d)

    def forward(self, src, lens):
        packed = nn.utils.rnn.pack_padded_sequence(self.emb(src), lens, batch_first=True, enforce_sorted=False)
        out, h = self.gru(packed)
        out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=src.size(1))
        return out, torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1)))


class Decoder(nn.Module):
    def __init__(self, emb, d=24):
        super().__init__()
        self.emb = emb
        self.score = nn.Linear(3 * d, 1)
        self.cell = nn.GRUCell(3 * d, d)
        self.proj = nn.Linear(d, d)

    def step(self, tok, h, ctx, mask):
        e = self.score(torch.cat([ctx, h.unsqueeze(1).expand(-1, ctx.size(1), -1)], -1)).squeeze(-1)
        a = e.masked_fill(~mask, float("-inf")).softmax(-1)
        h = self.cell(torch.cat([self.emb(tok), (a.unsqueeze(-1) * ctx).sum(1)], 1), h)
        return self.proj(h) @ self.emb.weight.t(), h


def batch(n=12, L=8):
    lens = torch.randint(3, L + 1, (n,))
    src = torch.randint(3, V, (n, L)) * (torch.arange(L)[None] < lens[:, None])
    trg = torch.full((n, L + 1), PAD)
    for i, l in enumerate(lens.tolist()):
        trg[i, :l], trg[i, l] = src[i, :l].flip(0), EOS
    return src, lens, trg


torch.manual_seed(0)
random.seed(0)
enc = Encoder()
dec = Decoder(enc.emb)
params = list(dict.fromkeys([*enc.parameters(), *dec.parameters()]))
opt = torch.optim.Adam(params, lr=5e-3)
for step, teacher_forcing in enumerate([1.0, 1.0, 0.8, 0.6, 0.5]):
    src, lens, trg = batch()
    ctx, h = enc(src, lens)
    mask, tok, loss = src.ne(PAD), torch.full((len(src),), BOS), 0.0
    for t in range(trg.size(1)):
        logits, h = dec.step(tok, h, ctx, mask)
        loss = loss + F.cross_entropy(logits, trg[:, t], ignore_index=PAD, reduction="sum")
        tok = trg[:, t] if random.random() < teacher_forcing else logits.argmax(-1).detach()
    loss = loss / trg.ne(PAD).sum()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
    print(step, round(loss.item(), 4))
