import torch
from torch import nn

torch.manual_seed(0)


class VotingNet(nn.Module):
    """Each point spreads ten votes over the cells of a ring; the fullest cell is the answer."""

    def __init__(self, cells, votes=10):
        super().__init__()
        self.scorer = nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, cells))
        self.sharpness = nn.Parameter(torch.tensor(0.3))
        self.cells, self.votes = cells, votes

    def ballots(self, points):
        share = self.scorer(points).softmax(dim=-1) * self.votes
        return share.to(torch.int64)

    def forward(self, points, owner, count):
        board = torch.zeros(count, self.cells, dtype=torch.int64)
        board = board.index_add(0, owner, self.ballots(points))
        return board * self.sharpness


def swarms(count, cells=6, size=8):
    y = torch.randint(cells, (count,))
    owner = torch.arange(count).repeat_interleave(size)
    angle = 6.2832 * (y[owner] + 0.5) / cells + 0.5 * torch.randn(count * size)
    return torch.stack([angle.cos(), angle.sin()], dim=1), owner, y


model = VotingNet(cells=6)
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optim, milestones=[150], gamma=0.3)
for step in range(200):
    points, owner, y = swarms(32)
    logits = model(points, owner, 32)
    loss = nn.functional.cross_entropy(logits, y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    scheduler.step()
    if step % 40 == 0:
        acc = (logits.argmax(1) == y).float().mean()
        print(step, f"loss {loss.item():.3f} acc {acc.item():.2f} sharpness {model.sharpness.item():.3f}")
