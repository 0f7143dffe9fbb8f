import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(0)


class World(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 48), nn.SiLU(), nn.Linear(48, 2))

    def forward(self, state, action):
        return state + self.net(torch.cat([state, action], dim=-1))


class Pilot(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, state):
        mean, spread = self.net(state).chunk(2, dim=-1)
        return Normal(mean, nn.functional.softplus(spread - 1) + 0.05)


def truth(state, action):
    pos, vel = state.split(1, dim=-1)
    vel = 0.9 * vel + 0.3 * torch.tanh(action)
    return torch.cat([pos + 0.3 * vel, vel], dim=-1)


def learn_world(world, optim, steps):
    for _ in range(steps):
        state, action = torch.randn(128, 2) * 1.5, torch.randn(128, 1) * 1.5
        loss = (world(state, action) - truth(state, action)).square().mean()
        optim.zero_grad()
        loss.backward()
        optim.step()
    return loss.item()


def dream(world, pilot, horizon=8):
    state, cost = torch.randn(128, 2), 0.0
    for _ in range(horizon):
        dist = pilot(state)
        state = world(state, dist.rsample())
        cost = cost + state[:, 0].square().mean() - 1e-3 * dist.entropy().mean()
    return cost / horizon


@torch.no_grad()
def fly(pilot, horizon=20):
    state, cost = torch.randn(500, 2), 0.0
    for _ in range(horizon):
        state = truth(state, pilot(state).mean)
        cost += state[:, 0].square().mean().item() / horizon
    return cost


world, pilot = World(), Pilot()
world_optim = torch.optim.Adam(world.parameters(), lr=4e-3)
pilot_optim = torch.optim.Adam(pilot.parameters(), lr=4e-3)
print("world error", learn_world(world, world_optim, 250), "untrained flight", fly(pilot))
world.requires_grad_(False)
for step in range(100):
    cost = dream(world, pilot)
    pilot_optim.zero_grad()
    cost.backward()
    pilot_optim.step()
    if step % 20 == 0:
        print(step, f"dream {cost.item():.3f} flight {fly(pilot):.3f}")
