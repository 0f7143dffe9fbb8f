import warnings
import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(0)
warnings.filterwarnings("ignore", category=UserWarning)


class RolloutBuffer:
    def __init__(self):
        self.clear()

    def clear(self):
        self.obs, self.act, self.logp, self.rew = [], [], [], []

    def add(self, **items):
        for key, value in items.items():
            getattr(self, key).append(value)

    def flatten(self, gamma):
        running, returns = torch.zeros_like(self.rew[0]), []
        for r in reversed(self.rew):
            running = r + gamma * running
            returns.insert(0, running)
        return torch.cat(self.obs), torch.cat(self.act), torch.cat(self.logp), torch.cat(returns)


class PPO:
    def __init__(self):
        self.actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
        self.log_std = nn.Parameter(torch.tensor(-0.5))
        self.optim = torch.optim.Adam([
            {"params": [*self.actor.parameters(), self.log_std], "lr": 2e-4},
            {"params": self.critic.parameters(), "lr": 1e-2},
        ])

    def policy(self, obs):
        return Normal(self.actor(obs).squeeze(-1), self.log_std.exp())

    def update(self, buffer):
        obs, act, old, ret = buffer.flatten(0.9)
        for _ in range(8):
            value = self.critic(obs)
            adv = (ret - value).detach()
            adv = (adv - adv.mean()) / adv.std()
            ratio = (self.policy(obs).log_prob(act) - old).exp()
            policy_loss = -torch.minimum(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
            value_loss = nn.functional.huber_loss(value, ret, delta=5.0)
            self.optim.zero_grad()
            (policy_loss + 0.5 * value_loss).backward()
            self.optim.step()
        return value_loss.item(), ret, value


agent, buffer = PPO(), RolloutBuffer()
for it in range(40):
    buffer.clear()
    pos, vel = torch.rand(64) * 4 - 2, torch.zeros(64)
    for _ in range(8):
        obs = torch.stack([pos, vel], dim=1)
        with torch.no_grad():
            dist = agent.policy(obs)
            act = dist.sample()
        vel = 0.8 * vel + 0.3 * act.clamp(-2, 2)
        pos = pos + vel
        buffer.add(obs=obs, act=act, logp=dist.log_prob(act), rew=-pos.square())
    loss, ret, value = agent.update(buffer)
    if it % 8 == 0:
        print(f"{it} return {ret[:64].mean():.2f} value loss {loss:.3f} spread of values {value.std():.2f} of returns {ret.std():.2f}")
