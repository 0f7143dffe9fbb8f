import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F


class QNet(nn.Module):
    def __init__(self, n=6, hidden=32, actions=2):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, actions))

    def forward(self, s):
        return self.net(s)


class ChainEnv:
    def __init__(self, n=6):
        self.n = n

    def reset(self):
        self.s, self.t = 0, 0
        return self.obs()

    def obs(self):
        return F.one_hot(torch.tensor(self.s), self.n).float()

    def step(self, a):
        self.t += 1
        self.s = min(self.s + 1, self.n - 1) if a == 1 else 0
        goal = self.s == self.n - 1
        return self.obs(), float(goal), goal, self.t >= 20


class Agent:
    def __init__(self, gamma=0.95, lr=3e-3, sync=25):
        self.policy_net, self.target_net = QNet(), QNet()
        self.target_net.load_state_dict(self.policy_net.state_dict())
        self.target_net.eval()
        self.opt = torch.optim.Adam(self.policy_net.parameters(), lr=lr)
        self.memory, self.gamma, self.sync, self.updates = deque(maxlen=2000), gamma, sync, 0

    def act(self, s, eps):
        if random.random() < eps:
            return random.randrange(2)
        with torch.no_grad():
            return self.policy_net(s).argmax().item()

    def learn(self, batch_size=32):
        if len(self.memory) < batch_size:
            return None
        s, a, r, s2, d = zip(*random.sample(self.memory, batch_size))
        s, s2 = torch.stack(s), torch.stack(s2)
        a, r, d = torch.tensor(a), torch.tensor(r), torch.tensor(d, dtype=torch.float32)
        q = self.policy_net(s).gather(1, a.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            best = self.policy_net(s2).argmax(1, keepdim=True)
            nxt = self.target_net(s2).gather(1, best).squeeze(1)
            target = r + self.gamma * (1 - d) * nxt
        loss = F.smooth_l1_loss(q, target)
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(self.policy_net.parameters(), 1.0)
        self.opt.step()
        self.updates += 1
        if self.updates % self.sync == 0:
            self.target_net.load_state_dict(self.policy_net.state_dict())
        return loss.item()


def main():
    torch.manual_seed(0)
    random.seed(0)
    env, agent, score = ChainEnv(), Agent(), []
    for ep in range(50):
        s, total, eps, loss = env.reset(), 0.0, max(0.05, 1 - ep / 30), None
        while True:
            a = agent.act(s, eps)
            s2, r, terminated, truncated = env.step(a)
            agent.memory.append((s, a, r, s2, terminated))
            loss = agent.learn()
            s, total = s2, total + r
            if terminated or truncated:
                break
        score.append(total)
        if ep % 10 == 9:
            print(f"episode {ep + 1} success {sum(score[-10:]) / 10:.2f} loss {loss:.5f}")


if __name__ == "__main__":
    main()
