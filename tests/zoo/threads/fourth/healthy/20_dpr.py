import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(19)


class Encoder(nn.Module):
    def __init__(self, vocab=40, d=24, use_ckpt=False):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(d, 48), nn.GELU(), nn.Linear(48, d)) for _ in range(2)])
        self.use_ckpt = use_ckpt

    def forward(self, ids):
        x = self.emb(ids)
        for b in self.blocks:
            if self.use_ckpt and self.training:
                x = x + checkpoint(b, x, use_reentrant=True)
            else:
                x = x + b(x)
        return x.mean(1)


class BiEncoder(nn.Module):
    def __init__(self, question_model, ctx_model, fix_ctx_encoder):
        super().__init__()
        self.question_model, self.ctx_model, self.fix_ctx_encoder = question_model, ctx_model, fix_ctx_encoder

    @staticmethod
    def get_representation(sub_model, ids, fix_encoder):
        if fix_encoder:
            with torch.no_grad():
                pooled = sub_model(ids)
            if sub_model.training:
                pooled.requires_grad_(requires_grad=True)
        else:
            pooled = sub_model(ids)
        return pooled

    def forward(self, q_ids, ctx_ids):
        q = self.get_representation(self.question_model, q_ids, False)
        c = self.get_representation(self.ctx_model, ctx_ids, self.fix_ctx_encoder)
        return q, c


def batch(n=32):
    topic = torch.randperm(40)[:n]
    q = torch.stack([topic, torch.randint(0, 40, (n,)), topic], 1)
    ctx = torch.stack([(topic * 7 + 3) % 40] * 2 + [torch.randint(0, 40, (n,))], 1)
    return q, ctx


model = BiEncoder(Encoder(use_ckpt=True), Encoder(), fix_ctx_encoder=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, eps=1e-8)
for it in range(151):
    model.train()
    q_ids, ctx_ids = batch()
    q, c = model(q_ids, ctx_ids)
    scores = q @ c.t()
    loss = F.nll_loss(F.log_softmax(scores, dim=1), torch.arange(len(q)))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    model.zero_grad()
    if it % 30 == 0:
        acc = (scores.argmax(1) == torch.arange(len(q))).float().mean().item()
        print("step %d loss %.4f correct %.2f" % (it, loss.item(), acc))
