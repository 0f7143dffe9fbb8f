import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(0)


class GridWalk:
    """Batched 1-D walk; reward for reaching the side that the observation hints at."""

    def __init__(self, n=32, horizon=12):
        self.n, self.horizon = n, horizon

    def reset(self):
        self.goal = torch.randint(0, 2, (self.n,)).float() * 2 - 1
        self.pos = torch.zeros(self.n)
        self.t = 0
        return self.obs()

    def obs(self):
        return torch.stack([self.pos / 4, self.goal, torch.full((self.n,), self.t / self.horizon)], 1)

    def step(self, a):
        self.pos = (self.pos + (a - 1).float()).clamp(-4, 4)
        self.t += 1
        reward = 0.1 * self.pos * self.goal - 0.02
        return self.obs(), reward, self.t >= self.horizon


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.pi = nn.Linear(64, 3)
        self.v = nn.Linear(64, 1)

    def forward(self, obs):
        h = self.body(obs)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


def gae(rewards, values, gamma=0.97, lam=0.95):
    adv, last, nxt = [], 0.0, torch.zeros_like(values[0])
    for r, v in zip(reversed(rewards), reversed(values)):
        delta = r + gamma * nxt - v
        last = delta + gamma * lam * last
        adv.append(last)
        nxt = v
    return torch.stack(adv[::-1])


env, net = GridWalk(), ActorCritic()
opt = torch.optim.Adam(net.parameters(), lr=3e-3, eps=1e-5)
CLIP, ENT, VF = 0.2, 0.01, 0.5

for it in range(20):
    obs, buf = env.reset(), []
    done = False
    with torch.no_grad():
        while not done:
            dist, value = net(obs)
            act = dist.sample()
            nxt, rew, done = env.step(act)
            buf.append((obs, act, dist.log_prob(act), rew, value))
            obs = nxt
    o, a, old_logp, r, v = zip(*buf)
    adv = gae(r, v)
    ret = adv + torch.stack(v)
    o, a, old_logp = torch.cat(o), torch.cat(a), torch.cat(old_logp)
    adv, ret = adv.flatten(), ret.flatten()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)

    for _ in range(4):
        for idx in torch.randperm(len(o)).split(128):
            dist, value = net(o[idx])
            ratio = (dist.log_prob(a[idx]) - old_logp[idx]).exp()
            clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
            pi_loss = -torch.min(ratio * adv[idx], clipped * adv[idx]).mean()
            v_loss = 0.5 * (value - ret[idx]).pow(2).mean()
            loss = pi_loss + VF * v_loss - ENT * dist.entropy().mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            opt.step()
    if it % 4 == 3:
        print(f"iter {it:2d}  return {torch.stack(r).sum(0).mean():.3f}  pi {pi_loss.item():.4f}  v {v_loss.item():.4f}")
