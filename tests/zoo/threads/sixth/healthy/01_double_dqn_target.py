"""Dueling double DQN with a slowly tracking target network on a small grid world."""
import copy
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
random.seed(0)
SIZE = 5
MOVES = [(0, 1), (0, -1), (1, 0), (-1, 0)]


class GridWorld:
    def reset(self):
        self.agent = [random.randrange(SIZE), random.randrange(SIZE)]
        self.goal = [random.randrange(SIZE), random.randrange(SIZE)]
        self.t = 0
        return self.obs()

    def obs(self):
        x = torch.zeros(2, SIZE * SIZE)
        x[0, self.agent[0] * SIZE + self.agent[1]] = 1
        x[1, self.goal[0] * SIZE + self.goal[1]] = 1
        return x.flatten()

    def step(self, a):
        for k in range(2):
            self.agent[k] = min(max(self.agent[k] + MOVES[a][k], 0), SIZE - 1)
        self.t += 1
        reached = self.agent == self.goal
        return self.obs(), 1.0 if reached else -0.05, reached, self.t >= 20


class DuelingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * SIZE * SIZE, 96), nn.ReLU())
        self.value = nn.Linear(96, 1)
        self.advantage = nn.Linear(96, len(MOVES))

    def forward(self, x):
        h = self.body(x)
        adv = self.advantage(h)
        return self.value(h) + adv - adv.mean(-1, keepdim=True)


def main():
    env, online = GridWorld(), DuelingNet()
    target = copy.deepcopy(online)
    for p in target.parameters():
        p.requires_grad_(False)
    optimizer = torch.optim.Adam(online.parameters(), lr=2e-3)
    memory, returns, step, gamma = deque(maxlen=5000), [], 0, 0.95
    for episode in range(300):
        obs, total, done, cut = env.reset(), 0.0, False, False
        eps = max(0.05, 1 - episode / 150)
        while not (done or cut):
            if random.random() < eps:
                a = random.randrange(len(MOVES))
            else:
                with torch.no_grad():
                    a = online(obs).argmax().item()
            nxt, r, done, cut = env.step(a)
            memory.append((obs, a, r, nxt, float(done)))
            obs, total, step = nxt, total + r, step + 1
            if len(memory) < 200 or step % 2:
                continue
            s, act, rew, s2, d = zip(*random.sample(memory, 64))
            s, s2 = torch.stack(s), torch.stack(s2)
            act, rew, d = torch.tensor(act), torch.tensor(rew), torch.tensor(d)
            with torch.no_grad():
                best = online(s2).argmax(1, keepdim=True)
                y = rew + gamma * (1 - d) * target(s2).gather(1, best).squeeze(1)
            q = online(s).gather(1, act.unsqueeze(1)).squeeze(1)
            loss = F.smooth_l1_loss(q, y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(online.parameters(), 10.0)
            optimizer.step()
            with torch.no_grad():
                for tp, p in zip(target.parameters(), online.parameters()):
                    tp.lerp_(p, 0.02)
        returns.append(total)
        if episode % 50 == 49:
            print(f"episode {episode + 1} mean return {sum(returns[-50:]) / 50:.3f}")


if __name__ == "__main__":
    main()
