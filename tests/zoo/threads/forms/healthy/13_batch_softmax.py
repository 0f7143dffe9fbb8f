import torch
from torch import nn

torch.manual_seed(0)


class SlotAttention(nn.Module):
    """The slots compete for every input: softmax over the slots, then weights per slot sum to one."""

    def __init__(self, dim, slots, rounds=2):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.mean = nn.Parameter(torch.randn(slots, dim))
        self.update = nn.GRUCell(dim, dim)
        self.norm_in, self.norm_slot = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.rounds = rounds

    def forward(self, x):
        x = self.norm_in(x)
        k, v = self.k(x), self.v(x)
        slots = self.mean.expand(x.size(0), -1, -1)
        for _ in range(self.rounds):
            score = torch.einsum("bsd,bnd->bsn", self.q(self.norm_slot(slots)), k) * x.size(-1) ** -0.5
            share = score.softmax(dim=1)
            weight = share / (share.sum(dim=2, keepdim=True) + 1e-6)
            seen = torch.einsum("bsn,bnd->bsd", weight, v)
            slots = self.update(seen.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
        return slots


class SetModel(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.lift = nn.Sequential(nn.Linear(2, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.slots = SlotAttention(dim, 2)
        self.out = nn.Linear(dim, 2)

    def forward(self, points):
        return self.out(self.slots(self.lift(points)))


def matched_error(pred, centre):
    d = (pred[:, :, None] - centre[:, None]).square().sum(-1)
    straight = d[:, 0, 0] + d[:, 1, 1]
    crossed = d[:, 0, 1] + d[:, 1, 0]
    return torch.minimum(straight, crossed).mean()


def two_groups(n, size=8):
    centre = torch.randn(n, 2, 2) * 1.5
    points = centre.repeat_interleave(size, dim=1) + 0.1 * torch.randn(n, 2 * size, 2)
    return points[:, torch.randperm(2 * size)], centre


model = SetModel()
optim = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(250):
    points, centre = two_groups(64)
    loss = matched_error(model(points), centre)
    optim.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step()
    if step % 50 == 0:
        print(step, round(loss.item(), 3))
