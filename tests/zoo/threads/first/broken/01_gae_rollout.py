import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

torch.manual_seed(3)


class ActorCritic(nn.Module):
    def __init__(self, obs_dim=6, n_actions=3, hidden=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(obs_dim, hidden), nn.Tanh())
        self.pi = nn.Linear(hidden, n_actions)
        self.v = nn.Linear(hidden, 1)

    def forward(self, obs):
        h = self.body(obs)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


def rollout(net, steps=24):
    obs = torch.randn(6)
    logps, values, rewards, ents = [], [], [], []
    for _ in range(steps):
        dist, value = net(obs)
        action = dist.sample()
        logps.append(dist.log_prob(action))
        values.append(value.item())
        ents.append(dist.entropy())
        rewards.append(float(action == obs[:3].argmax()))
        obs = torch.randn(6)
    return torch.stack(logps), torch.tensor(values), rewards, torch.stack(ents)


def gae(rewards, values, gamma=0.95, lam=0.9):
    adv, last = torch.zeros(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        nxt = values[t + 1] if t + 1 < len(rewards) else 0.0
        delta = rewards[t] + gamma * nxt - values[t]
        last = delta + gamma * lam * last
        adv[t] = last
    return adv


net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(5):
    logps, values, rewards, ents = rollout(net)
    advantages = gae(rewards, values.detach())
    returns = advantages + values.detach()
    pi_loss = -(logps * (advantages - advantages.mean())).mean()
    v_loss = F.mse_loss(values, returns)
    loss = pi_loss + 0.5 * v_loss - 0.01 * ents.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} reward {sum(rewards):.1f} pi {pi_loss.item():.4f} v {v_loss.item():.4f}")
