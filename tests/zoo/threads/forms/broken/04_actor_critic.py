import collections
import torch
from torch import nn
from torch.distributions import Independent, Normal

torch.manual_seed(3)
Batch = collections.namedtuple("Batch", "obs act rew")


class Replay:
    def __init__(self, capacity, obs_dim, act_dim):
        self.obs = torch.zeros(capacity, obs_dim)
        self.act = torch.zeros(capacity, act_dim)
        self.rew = torch.zeros(capacity, 1)
        self.size = 0

    def extend(self, obs, act, rew):
        n = obs.size(0)
        s = slice(self.size, self.size + n)
        self.obs[s], self.act[s], self.rew[s] = obs, act, rew
        self.size += n

    def sample(self, n):
        idx = torch.randint(self.size, (n,))
        return Batch(self.obs[idx], self.act[idx], self.rew[idx])


def mlp(i, o):
    return nn.Sequential(nn.Linear(i, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, o))


class Actor(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()
        self.trunk = mlp(obs_dim, 2 * act_dim)

    def forward(self, obs):
        mean, log_std = self.trunk(obs).chunk(2, dim=-1)
        return Independent(Normal(mean, log_std.clamp(-4, 1).exp()), 1)


class Env:
    def __init__(self):
        self.mix = torch.randn(4, 2)

    def reset(self, n):
        return torch.randn(n, 4)

    def reward(self, obs, act):
        return -(act - torch.tanh(obs @ self.mix)).square().sum(-1, keepdim=True)


class Agent:
    def __init__(self, alpha=0.02):
        self.actor, self.critic, self.alpha = Actor(4, 2), mlp(6, 1), alpha
        self.pi_opt = torch.optim.Adam(self.actor.parameters(), lr=2e-3)
        self.q_opt = torch.optim.Adam(self.critic.parameters(), lr=3e-3)

    def update_critic(self, b):
        q = self.critic(torch.cat([b.obs, b.act], dim=-1))
        loss = nn.functional.mse_loss(q, b.rew)
        self.q_opt.zero_grad()
        loss.backward()
        self.q_opt.step()
        return loss.item()

    def update_actor(self, b):
        dist = self.actor(b.obs)
        action = dist.sample()
        log_prob = dist.log_prob(action)
        q = self.critic(torch.cat([b.obs, action], dim=-1)).squeeze(-1)
        loss = (self.alpha * log_prob - q).mean()
        self.pi_opt.zero_grad()
        loss.backward()
        self.pi_opt.step()
        return loss.item()


env, agent, memory = Env(), Agent(), Replay(30 * 64, 4, 2)
for it in range(30):
    with torch.no_grad():
        obs = env.reset(64)
        act = agent.actor(obs).sample() + 0.3 * torch.randn(64, 2)
        memory.extend(obs, act, env.reward(obs, act))
    for _ in range(10):
        batch = memory.sample(128)
        ql, pl = agent.update_critic(batch), agent.update_actor(batch)
    if it % 5 == 0:
        with torch.no_grad():
            o = env.reset(512)
            print(it, f"critic {ql:.3f} actor {pl:.3f} return of mean action {env.reward(o, agent.actor(o).mean).mean():.3f}")
