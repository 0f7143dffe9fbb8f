import torch
import torch.nn as nn
import torch.nn.functional as F


class Actor(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Linear(2, d)
        self.attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.query = nn.Parameter(torch.randn(d) * 0.1)
        self.update = nn.GRUCell(d, d)

    def forward(self, coords):
        h = self.emb(coords)
        h = h + self.attn(h, h, h, need_weights=False)[0]
        B, N, D = h.shape
        q, visited = self.query.expand(B, D), torch.zeros(B, N, dtype=torch.bool)
        logp, tour = 0.0, []
        for _ in range(N):
            scores = (h * q.unsqueeze(1)).sum(-1) / D ** 0.5
            dist = torch.distributions.Categorical(logits=scores.masked_fill(visited, -1e9))
            idx = dist.sample()
            logp = logp + dist.log_prob(idx)
            tour.append(idx)
            visited = visited | F.one_hot(idx, N).bool()
            q = self.update(h[torch.arange(B), idx], q)
        return torch.stack(tour, 1), logp


class Critic(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, d), nn.ReLU(), nn.Linear(d, d))
        self.out = nn.Linear(d, 1)

    def forward(self, coords):
        return self.out(self.net(coords).mean(1)).squeeze(-1)


def tour_length(coords, tour):
    p = coords.gather(1, tour.unsqueeze(-1).expand(-1, -1, 2))
    return (p - p.roll(-1, 1)).norm(dim=-1).sum(1)


torch.manual_seed(0)
actor, critic = Actor(), Critic()
optim = torch.optim.Adam(list(actor.parameters()) + list(critic.parameters()), lr=1e-3)
for step in range(4):
    coords = torch.rand(32, 7, 2)
    tour, logp = actor(coords)
    reward = tour_length(coords, tour)
    value = critic(coords)
    actor_loss = ((reward - value) * logp).mean()
    critic_loss = F.mse_loss(value, reward)
    optim.zero_grad()
    (actor_loss + critic_loss).backward()
    optim.step()
    print(f"{step}: length {reward.mean():.3f} actor {actor_loss.item():.3f} critic {critic_loss.item():.3f}")
