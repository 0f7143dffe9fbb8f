from dataclasses import dataclass
from typing import Optional
import torch
from torch import nn

torch.manual_seed(0)


@dataclass
class TaggerOutput:
    probs: torch.Tensor
    loss: Optional[torch.Tensor] = None


class Decoder(nn.Module):
    def __init__(self, dim, tags):
        super().__init__()
        self.project = nn.Linear(dim, tags)

    def forward(self, h):
        return torch.einsum("btd,kd->btk", h, self.project.weight).add(self.project.bias).softmax(dim=-1)


class Tagger(nn.Module):
    def __init__(self, vocab, tags, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim, padding_idx=0)
        self.conv = nn.Conv1d(dim, dim, 3, padding=1)
        self.decoder = Decoder(dim, tags)
        self.tags = tags

    def forward(self, ids, labels=None):
        h = self.conv(self.embed(ids).transpose(1, 2)).relu().transpose(1, 2)
        out = TaggerOutput(self.decoder(h))
        if labels is not None:
            out.loss = nn.functional.cross_entropy(
                out.probs.reshape(-1, self.tags), labels.reshape(-1), ignore_index=-100)
        return out


def sentences(n, vocab=25, tags=6, length=12):
    ids = torch.randint(1, vocab, (n, length))
    before = nn.functional.pad(ids, (1, 0))[:, :-1]
    labels = (ids + 2 * (before > 12)) % tags
    size = torch.randint(5, length + 1, (n, 1))
    pad = torch.arange(length) >= size
    return ids.masked_fill(pad, 0), labels.masked_fill(pad, -100)


model = Tagger(25, 6)
optim = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(200):
    ids, labels = sentences(48)
    out = model(ids, labels)
    optim.zero_grad()
    out.loss.backward()
    optim.step()
    if step % 40 == 0:
        keep = labels != -100
        acc = (out.probs.argmax(-1) == labels)[keep].float().mean()
        print(step, f"loss {out.loss.item():.3f} acc {acc.item():.3f}")
