"""Quantile-regression DQN on a short corridor whose exit pays a noisy reward."""
import copy
import random
from collections import deque

import torch
import torch.nn as nn

torch.manual_seed(8)
random.seed(8)
N_STATE, N_ACT, N_QUANT = 5, 2, 11


class Corridor:
    """Action 0 walks right, action 1 cashes out; the last cell pays a wide lottery."""

    def reset(self):
        self.s = 0
        return self.s

    def step(self, a):
        if a == 1:
            return self.s, 0.3 + 0.1 * random.gauss(0, 1), True
        self.s += 1
        if self.s == N_STATE - 1:
            return self.s, random.choice([-2.0, 1.0, 4.0]), True
        return self.s, 0.0, False


class QuantileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(N_STATE, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, N_ACT * N_QUANT)

    def forward(self, s):
        return self.head(self.body(s)).view(-1, N_QUANT, N_ACT)

    def act_values(self, s):
        return self(s).mean(dim=1)


class Agent:
    def __init__(self, gamma=0.95, lr=1e-3):
        self.net = QuantileNet()
        self.target = copy.deepcopy(self.net)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.gamma = gamma
        self.quantile = torch.tensor([(2 * i + 1) / (2.0 * N_QUANT) for i in range(N_QUANT)])
        self.memory = deque(maxlen=4000)

    def one_hot(self, s):
        return nn.functional.one_hot(torch.as_tensor(s), N_STATE).float()

    def act(self, s, eps):
        if random.random() < eps:
            return random.randrange(N_ACT)
        with torch.no_grad():
            return self.net.act_values(self.one_hot([s])).argmax(1).item()

    def huber(self, td, k=1.0):
        return torch.where(td.abs() <= k, 0.5 * td.pow(2), k * (td.abs() - 0.5 * k))

    def learn(self, batch_size=64):
        s, a, r, s2, d = map(torch.tensor, zip(*random.sample(self.memory, batch_size)))
        r, d = r.float(), d.float()
        with torch.no_grad():
            q_next = self.target(self.one_hot(s2))
            best = q_next.mean(dim=1).argmax(dim=1)
            q_next = q_next[torch.arange(batch_size), :, best].unsqueeze(1)
            q_targets = r.view(-1, 1, 1) + self.gamma * q_next * (1 - d.view(-1, 1, 1))
        index = a.view(-1, 1, 1).expand(batch_size, N_QUANT, 1)
        q_expected = self.net(self.one_hot(s)).gather(2, index)

        td_error = q_targets - q_expected
        assert td_error.shape == (batch_size, N_QUANT, N_QUANT)
        huber_l = self.huber(td_error)
        quantil_l = (self.quantile - (td_error.detach() < 0).float()).abs() * huber_l
        loss = quantil_l.sum(dim=1).mean(dim=1).mean()

        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def soft_update(self, tau=0.02):
        for tp, p in zip(self.target.parameters(), self.net.parameters()):
            tp.data.lerp_(p.data, tau)


def main():
    env, agent = Corridor(), Agent()
    losses = []
    for episode in range(601):
        s, done, eps = env.reset(), False, max(0.2, 1 - episode / 200)
        while not done:
            a = agent.act(s, eps)
            s2, r, done = env.step(a)
            agent.memory.append((s, a, r, s2, done))
            s = s2
            if len(agent.memory) >= 64:
                losses.append(agent.learn())
                agent.soft_update()
        if episode % 100 == 0 and losses:
            print(f"episode {episode} loss {sum(losses[-100:]) / len(losses[-100:]):.4f}")
    with torch.no_grad():
        z = agent.net(agent.one_hot([N_STATE - 2]))[0, :, 0]
    print("return quantiles before the lottery:", [round(v, 2) for v in z.tolist()])


if __name__ == "__main__":
    main()
