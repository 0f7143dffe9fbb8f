"""Attention pointer policy for small TSP tours, REINFORCE with a learned critic."""
import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(12)
CITIES, DIM, BATCH = 7, 48, 96


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 2 * DIM, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 1)

    def forward(self, x):
        return self.layers(self.embed(x))


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.first = nn.Parameter(0.1 * torch.randn(DIM))
        self.w_query = nn.Linear(3 * DIM, DIM)
        self.w_key = nn.Linear(DIM, DIM)

    def forward(self, x):
        h = self.encoder(x)
        keys, mean = self.w_key(h), h.mean(1)
        rows = torch.arange(len(x))
        visited = torch.zeros(len(x), CITIES, dtype=torch.bool)
        last = start = self.first.expand(len(x), DIM)
        tour, logp = [], 0.0
        for step in range(CITIES):
            query = self.w_query(torch.cat([mean, last, start], dim=1))
            score = 5 * torch.tanh((keys @ query.unsqueeze(2)).squeeze(2) / DIM ** 0.5)
            dist = Categorical(logits=score.masked_fill(visited, -1e9))
            city = dist.sample()
            logp = logp + dist.log_prob(city)
            visited = visited.scatter(1, city.unsqueeze(1), True)
            last = h[rows, city]
            start = last if step == 0 else start
            tour.append(city)
        return torch.stack(tour, dim=1), logp


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.value = nn.Sequential(nn.Linear(DIM, DIM), nn.ReLU(), nn.Linear(DIM, 1))

    def forward(self, x):
        return self.value(self.encoder(x).mean(1)).squeeze(1)


def tour_length(x, tour):
    pts = x.gather(1, tour.unsqueeze(2).expand(-1, -1, 2))
    return (pts - pts.roll(1, dims=1)).norm(dim=2).sum(1)


class Trainer:
    def __init__(self):
        self.actor, self.critic = Actor(), Critic()
        params = list(self.actor.parameters()) + list(self.critic.parameters())
        self.optimizer = torch.optim.Adam(params, lr=1e-3)

    def step(self):
        x = torch.rand(BATCH, CITIES, 2)
        tour, logp = self.actor(x)
        cost = tour_length(x, tour)
        predictions = self.critic(x)

        actor_loss = ((cost - predictions) * logp).mean()
        critic_loss = (cost - predictions).pow(2).mean()
        loss = actor_loss + critic_loss

        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.actor.parameters(), 1.0)
        nn.utils.clip_grad_norm_(self.critic.parameters(), 1.0)
        self.optimizer.step()
        return cost.mean().item(), critic_loss.item(), predictions.mean().item()


def main():
    trainer = Trainer()
    for it in range(161):
        cost, critic_loss, value = trainer.step()
        if it % 20 == 0:
            print(f"step {it:3d} tour length {cost:.3f} critic loss {critic_loss:.4f} critic mean {value:.3f}")


if __name__ == "__main__":
    main()
