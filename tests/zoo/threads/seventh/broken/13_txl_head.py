import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)

VOCAB, SEQ, DIM = 40, 24, 48


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.ln1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.ln2 = nn.LayerNorm(dim)
        self.ff = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).chunk(3, dim=-1)
        q, k, v = (z.view(b, t, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, d))
        return x + self.ff(self.ln2(x))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Embedding(SEQ, DIM)
        self.blocks = nn.ModuleList([Block(DIM, 4) for _ in range(2)])
        self.norm = nn.LayerNorm(DIM)

    def forward(self, ids):
        h = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        for blk in self.blocks:
            h = blk(h)
        return self.norm(h)


class DecoderWithLMHead(nn.Module):
    """Returns (loss, logits) when labels are given; labels are the input ids."""

    def __init__(self):
        super().__init__()
        self.decoder = Decoder()
        self.out = nn.Linear(DIM, VOCAB)

    def forward(self, input_ids, labels=None):
        logits = self.out(self.decoder(input_ids))
        if labels is None:
            return logits
        log_probs = F.log_softmax(logits, dim=-1)
        loss = F.nll_loss(log_probs.reshape(-1, VOCAB), labels.reshape(-1))
        return loss, logits


def make_chain(n, length, succ):
    ids = torch.zeros(n, length, dtype=torch.long)
    ids[:, 0] = torch.randint(0, VOCAB, (n,))
    for t in range(1, length):
        pick = torch.randint(0, succ.size(1), (n,))
        ids[:, t] = succ[ids[:, t - 1], pick]
    return ids


@torch.no_grad()
def next_token_hit_rate(model, ids, succ):
    model.eval()
    pred = model(ids)[:, :-1].argmax(-1)
    ok = (succ[ids[:, :-1]] == pred.unsqueeze(-1)).any(-1)
    model.train()
    return ok.float().mean().item()


succ = torch.stack([torch.randperm(VOCAB)[:2] for _ in range(VOCAB)])
train = make_chain(512, SEQ, succ)
test = make_chain(64, SEQ, succ)

model = DecoderWithLMHead()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)

step = 0
for epoch in range(6):
    for idx in torch.randperm(len(train)).split(32):
        batch = train[idx]
        loss, _ = model(batch, labels=batch)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        step += 1
    print(f"epoch {epoch} step {step} loss {loss.item():.4f} ppl {math.exp(loss.item()):.2f} "
          f"valid continuation {next_token_hit_rate(model, test, succ):.3f}")
