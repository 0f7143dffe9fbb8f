"""Double Q-learning for a session recommender, with a slowly refreshed target network."""
import copy
import random
from collections import deque
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(23)
random.seed(23)
STATE, ITEMS, GAMMA = 6, 8, 0.9


class Simulator:
    """A user whose mood drifts with what is shown; the click reward is a noisy match."""

    def __init__(self):
        self.items = F.normalize(torch.randn(ITEMS, STATE), dim=-1)
        self.reset()

    def reset(self):
        self.mood, self.t = F.normalize(torch.randn(STATE), dim=0), 0
        return self.mood.clone()

    def step(self, a):
        reward = float(self.mood @ self.items[a]) + 0.05 * random.gauss(0, 1)
        self.mood = F.normalize(self.mood + 0.4 * self.items[a] + 0.1 * torch.randn(STATE), dim=0)
        self.t += 1
        return self.mood.clone(), reward, self.t >= 15


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(STATE, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.value, self.advantage = nn.Linear(64, 1), nn.Linear(64, ITEMS)

    def forward(self, s):
        h = self.body(s)
        adv = self.advantage(h)
        return self.value(h) + adv - adv.mean(-1, keepdim=True)


env, buffer = Simulator(), deque(maxlen=4000)
online = QNet()
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=1e-3)
updates, returns = 0, []

for episode in range(80):
    s, done, total = env.reset(), False, 0.0
    eps = max(0.05, 1.0 - episode / 45)
    while not done:
        if random.random() < eps:
            a = random.randrange(ITEMS)
        else:
            with torch.no_grad():
                a = int(online(s.unsqueeze(0)).argmax())
        s2, r, done = env.step(a)
        buffer.append((s, a, r, s2, float(done)))
        s, total = s2, total + r
        if len(buffer) < 200:
            continue
        batch = random.sample(buffer, 64)
        bs, bs2 = torch.stack([b[0] for b in batch]), torch.stack([b[3] for b in batch])
        ba = torch.tensor([b[1] for b in batch])
        br, bd = torch.tensor([b[2] for b in batch]), torch.tensor([b[4] for b in batch])
        with torch.no_grad():
            best = online(bs2).argmax(-1, keepdim=True)
            backup = br + GAMMA * (1 - bd) * target(bs2).gather(1, best).squeeze(1)
        q = online(bs).gather(1, ba.unsqueeze(1)).squeeze(1)
        loss = F.smooth_l1_loss(q, backup)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        optimizer.step()
        updates += 1
        if updates % 100 == 0:
            target.load_state_dict(online.state_dict())
    returns.append(total)
    if (episode + 1) % 20 == 0:
        print(f"episode {episode + 1:3d} updates {updates:4d} return {sum(returns[-20:]) / 20:.3f}")
