import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 3
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)


class BalanceEnv:
    """A small inverted pendulum with two pushes."""

    n_obs, n_act = 2, 2

    def reset(self):
        self.th = np.random.uniform(-0.1, 0.1)
        self.w = np.random.uniform(-0.1, 0.1)
        self.t = 0
        return np.array([self.th, self.w], dtype=np.float32)

    def step(self, a):
        push = 1.0 if a == 1 else -1.0
        self.w += 0.05 * (2.0 * np.sin(self.th) + 1.5 * push)
        self.th += 0.05 * self.w
        self.t += 1
        done = abs(self.th) > 0.5
        return np.array([self.th, self.w], dtype=np.float32), 1.0, done, self.t >= 100


class DuelingNet(nn.Module):
    def __init__(self, n_obs, n_act, hidden=64):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_obs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.value = nn.Linear(hidden, 1)
        self.adv = nn.Linear(hidden, n_act)

    def forward(self, x):
        h = self.trunk(x)
        a = self.adv(h)
        return self.value(h) + a - a.mean(dim=1, keepdim=True)


class Agent:
    def __init__(self, env, gamma=0.98, tau=0.05, lr=2e-3):
        self.model = DuelingNet(env.n_obs, env.n_act)
        self.target_model = DuelingNet(env.n_obs, env.n_act)
        self.target_model.load_state_dict(self.model.state_dict())
        for p in self.target_model.parameters():
            p.requires_grad_(False)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.gamma, self.tau = gamma, tau
        self.memory = deque(maxlen=10000)

    def act(self, obs, eps):
        if random.random() < eps:
            return random.randrange(2)
        with torch.no_grad():
            return int(self.model(torch.from_numpy(obs)[None]).argmax(1))

    def sync(self):
        with torch.no_grad():
            for pt, p in zip(self.target_model.parameters(), self.model.parameters()):
                pt.mul_(1 - self.tau).add_(self.tau * p)

    def replay(self, batch_size=32):
        batch = random.sample(self.memory, batch_size)
        pre, act, rew, post, done = map(np.array, zip(*batch))
        pre, post = torch.from_numpy(pre), torch.from_numpy(post)
        rew = torch.from_numpy(rew).float()
        done = torch.from_numpy(done).float()
        act = torch.from_numpy(act)
        q = self.model(pre).gather(1, act[:, None]).squeeze(1)
        with torch.no_grad():
            q_post = self.model(post).max(dim=1).values
            goal = rew + self.gamma * (1 - done) * q_post
        loss = F.smooth_l1_loss(q, goal)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.sync()
        return loss.item()


env = BalanceEnv()
agent = Agent(env)
history, steps = [], 0
for episode in range(60):
    obs, total, losses = env.reset(), 0.0, []
    eps = max(0.05, 1.0 - episode / 30)
    while True:
        a = agent.act(obs, eps)
        nxt, r, done, cut = env.step(a)
        agent.memory.append((obs, a, r, nxt, done))
        obs, total, steps = nxt, total + r, steps + 1
        if len(agent.memory) >= 200:
            losses.append(agent.replay())
        if done or cut:
            break
    history.append(total)
    if (episode + 1) % 10 == 0:
        mean_loss = float(np.mean(losses)) if losses else float("nan")
        print(f"episode {episode + 1:3d}  return {np.mean(history[-10:]):6.1f}  td loss {mean_loss:.4f}  steps {steps}")
