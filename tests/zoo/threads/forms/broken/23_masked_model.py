from dataclasses import dataclass
import torch
from torch import nn

torch.manual_seed(0)


@dataclass
class ModelOutput:
    logits: torch.Tensor
    loss: torch.Tensor = None


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.ff = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, h, attention_mask=None):
        pad = None if attention_mask is None else ~attention_mask
        n = self.norm(h)
        h = h + self.attn(n, n, n, key_padding_mask=pad, need_weights=False)[0]
        return h + self.ff(h)


class SequenceClassifier(nn.Module):
    def __init__(self, vocab=12, dim=24, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.cls = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim) for _ in range(layers))
        self.score = nn.Linear(dim, 2)

    def forward(self, input_ids, attention_mask=None, labels=None):
        h = torch.cat([self.cls.expand(len(input_ids), -1, -1), self.embed(input_ids)], dim=1)
        if attention_mask is not None:
            attention_mask = nn.functional.pad(attention_mask, (1, 0), value=True)
        for block in self.blocks:
            h = block(h)
        out = ModelOutput(self.score(h[:, 0]))
        if labels is not None:
            out.loss = nn.functional.cross_entropy(out.logits, labels)
        return out


def collate(n, max_len=24):
    length = torch.randint(4, max_len + 1, (n,))
    ids = torch.randint(12, (n, max_len))
    mask = torch.arange(max_len) < length[:, None]
    share = ((ids < 6) & mask).sum(1) / length
    return {"input_ids": ids, "attention_mask": mask, "labels": (share > 0.5).long()}


model = SequenceClassifier()
optim = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(100):
    batch = collate(48)
    out = model(**batch)
    optim.zero_grad()
    out.loss.backward()
    optim.step()
    if step % 25 == 24:
        with torch.no_grad():
            test = collate(400)
            acc = (model(**test).logits.argmax(1) == test["labels"]).float().mean()
        print(step + 1, f"loss {out.loss.item():.3f} acc {acc.item():.3f}")
