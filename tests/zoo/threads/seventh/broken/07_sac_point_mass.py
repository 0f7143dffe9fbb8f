import copy
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(2)
random.seed(2)


class PointMass:
    """A batch of 1-D carts that should be parked at the origin."""

    def __init__(self, n=16):
        self.n = n

    def reset(self):
        self.x = torch.rand(self.n, 1) * 2 - 1
        self.v = torch.zeros(self.n, 1)
        return torch.cat([self.x, self.v], 1)

    def step(self, a):
        self.v = 0.9 * self.v + 0.1 * a
        self.x = (self.x + 0.2 * self.v).clamp(-2, 2)
        reward = -(self.x ** 2) - 0.01 * a ** 2
        return torch.cat([self.x, self.v], 1), reward


def mlp(nin, nout, hidden=64):
    return nn.Sequential(nn.Linear(nin, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, nout))


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(2, 2)

    def forward(self, obs):
        mean, log_std = self.net(obs).chunk(2, dim=1)
        dist = Normal(mean, log_std.clamp(-8, 2).exp())
        raw = dist.rsample()
        action = torch.tanh(raw)
        log_pi = dist.log_prob(raw) - torch.log(1 - action ** 2 + 1e-6)
        return action, log_pi.sum(1, keepdim=True)


class SAC:
    def __init__(self, gamma=0.97, tau=0.02, lr=1e-3):
        self.policy = Policy()
        self.q1, self.q2 = mlp(3, 1), mlp(3, 1)
        self.q1_t, self.q2_t = copy.deepcopy(self.q1), copy.deepcopy(self.q2)
        self.gamma, self.tau = gamma, tau
        self.target_entropy = -1.0
        self.alpha = torch.tensor(0.2, requires_grad=True)
        self.pi_opt = torch.optim.Adam(self.policy.parameters(), lr=lr)
        self.q_opt = torch.optim.Adam(list(self.q1.parameters()) + list(self.q2.parameters()), lr=lr)
        self.alpha_opt = torch.optim.Adam([self.alpha], lr=1e-3)

    def update(self, obs, act, rew, nxt):
        alpha = self.alpha.detach()

        with torch.no_grad():
            a2, lp2 = self.policy(nxt)
            x2 = torch.cat([nxt, a2], 1)
            target = rew + self.gamma * (torch.min(self.q1_t(x2), self.q2_t(x2)) - alpha * lp2)
        x = torch.cat([obs, act], 1)
        q_loss = F.mse_loss(self.q1(x), target) + F.mse_loss(self.q2(x), target)
        self.q_opt.zero_grad()
        q_loss.backward()
        self.q_opt.step()

        new_a, log_pi = self.policy(obs)
        xa = torch.cat([obs, new_a], 1)
        q_new = torch.min(self.q1(xa), self.q2(xa))
        pi_loss = (alpha * log_pi - q_new).mean()
        self.pi_opt.zero_grad()
        pi_loss.backward()
        self.pi_opt.step()

        alpha_loss = -(self.alpha * (log_pi.detach() + self.target_entropy)).mean()
        self.alpha_opt.zero_grad()
        alpha_loss.backward()
        self.alpha_opt.step()

        with torch.no_grad():
            for net, tgt in ((self.q1, self.q1_t), (self.q2, self.q2_t)):
                for p, pt in zip(net.parameters(), tgt.parameters()):
                    pt.lerp_(p, self.tau)
        return q_loss.item(), pi_loss.item(), -log_pi.mean().item()


env, agent, memory = PointMass(), SAC(), []
for episode in range(40):
    obs, ret = env.reset(), 0.0
    for t in range(25):
        with torch.no_grad():
            act = agent.policy(obs)[0] if episode > 2 else torch.rand(env.n, 1) * 2 - 1
        nxt, rew = env.step(act)
        memory.append((obs, act, rew, nxt))
        obs, ret = nxt, ret + rew.mean().item()
        if len(memory) >= 50:
            picks = random.sample(memory, 6)
            q_loss, pi_loss, entropy = agent.update(*[torch.cat(z) for z in zip(*picks)])
    if episode > 2 and episode % 4 == 3:
        print(f"episode {episode:3d}  return {ret:7.3f}  q {q_loss:.4f}  pi {pi_loss:.4f}  "
              f"entropy {entropy:.3f}  alpha {agent.alpha.item():.4f}")
