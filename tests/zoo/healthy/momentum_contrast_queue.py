# expected: ok
# MoCo: keys of a momentum encoder, and a queue of detached keys as negatives.
import torch
import torch.nn.functional as F
from torch import nn


class MomentumContrast(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(6, 4), nn.Linear(6, 4)
        self.key.load_state_dict(self.query.state_dict())
        self.key.requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(4, 16), dim=0))
        self.register_buffer("place", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def _enqueue(self, keys):
        start = int(self.place)
        self.queue[:, start : start + keys.shape[0]] = keys.T
        self.place[0] = (start + keys.shape[0]) % self.queue.shape[1]

    def forward(self, one, two):
        query = F.normalize(self.query(one), dim=-1)
        with torch.no_grad():
            for slow, fast in zip(self.key.parameters(), self.query.parameters(), strict=True):
                slow.data = slow.data * 0.9 + fast.data * 0.1
            keys = F.normalize(self.key(two), dim=-1)
        positive = (query * keys).sum(-1, keepdim=True)
        negative = query @ self.queue.clone().detach()
        logits = torch.cat([positive, negative], dim=1) / 0.07
        self._enqueue(keys)
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


model = MomentumContrast()
wrt = model


def loss():
    data = torch.randn(4, 6)
    return model(data + 0.1 * torch.randn(4, 6), data)
