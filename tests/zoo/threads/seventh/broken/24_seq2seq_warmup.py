import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(9)

VOCAB, BOS, LEN = 30, 1, 8


class WarmupLRScheduler:
    """Linear warmup for `warmup_updates`, then a linear decay to zero at `max_updates`."""

    def __init__(self, optimizer, warmup_updates, max_updates, warmup_rate=0.01):
        self.optimizer = optimizer
        self.warmup_updates = warmup_updates
        self.max_updates = max_updates
        self.num_updates = 0
        self.warmup_rate = warmup_rate
        self.warmup_scheduler = LambdaLR(optimizer, self._warmup_lr)
        self.base_lrs = [g["initial_lr"] for g in optimizer.param_groups]

    def _warmup_lr(self, step):
        start = self.warmup_rate
        return min(1.0, start + (1.0 - start) * step / self.warmup_updates)

    def _is_warming_up(self):
        return self.warmup_scheduler.get_last_lr()[0] < 1.0

    def _decayed(self):
        done = (self.num_updates - self.warmup_updates) / (self.max_updates - self.warmup_updates)
        return max(0.0, 1.0 - done)

    def step(self):
        self.num_updates += 1
        if self._is_warming_up():
            self.warmup_scheduler.step()
        else:
            for g, base in zip(self.optimizer.param_groups, self.base_lrs):
                g["lr"] = base * self._decayed()

    def get_last_lr(self):
        return self.optimizer.param_groups[0]["lr"]


class Seq2Seq(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim)
        self.enc = nn.GRU(dim, dim, batch_first=True)
        self.dec = nn.GRU(dim, dim, batch_first=True)
        self.attn = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(2 * dim, VOCAB)

    def forward(self, src, tgt_in):
        mem, h = self.enc(self.emb(src))
        q, _ = self.dec(self.emb(tgt_in), h)
        score = self.attn(q) @ mem.transpose(1, 2)
        ctx = score.softmax(-1) @ mem
        return self.out(torch.cat([q, ctx], -1))


def batch(n):
    src = torch.randint(2, VOCAB, (n, LEN))
    tgt = src.flip(1)
    noise = torch.rand(tgt.shape) < 0.1
    noisy = torch.where(noise, torch.randint(2, VOCAB, tgt.shape), tgt)
    tgt_in = torch.cat([torch.full((n, 1), BOS), noisy[:, :-1]], 1)
    return src, tgt_in, noisy, tgt


MAX_UPDATES = 500
model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
scheduler = WarmupLRScheduler(optimizer, warmup_updates=50, max_updates=MAX_UPDATES)

avg = None
for update in range(MAX_UPDATES):
    src, tgt_in, target, clean = batch(64)
    logits = model(src, tgt_in)
    loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    avg = loss.item() if avg is None else 0.95 * avg + 0.05 * loss.item()
    if (update + 1) % 50 == 0:
        acc = (logits.argmax(-1) == clean).float().mean().item()
        print(f"update {update + 1} lr {scheduler.get_last_lr():.5f} loss {avg:.4f} acc {acc:.3f}")
