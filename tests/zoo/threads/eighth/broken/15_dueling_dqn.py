import copy
import random
from collections import deque

import torch
import torch.nn as nn

torch.manual_seed(0)
random.seed(0)


class Balance:
    """A cart on a hill top: it slides away from the middle unless it is pushed back."""

    def reset(self):
        self.x, self.v, self.t = random.uniform(-0.3, 0.3), random.uniform(-0.2, 0.2), 0
        return [self.x, self.v]

    def step(self, action):
        push = 1.0 if action == 1 else -1.0
        self.v += 0.1 * (0.8 * self.x + 0.9 * push + random.gauss(0, 0.6))
        self.x += 0.2 * self.v
        self.t += 1
        done = abs(self.x) > 1.0
        return [self.x, self.v], 1.0, done


class DuelingQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.value = nn.Linear(64, 1)
        self.advantage = nn.Linear(64, 2)

    def forward(self, s):
        h = self.body(s)
        a = self.advantage(h)
        return self.value(h) + a - a.mean(dim=-1, keepdim=True)


class Agent:
    def __init__(self, gamma=0.98):
        self.gamma = gamma
        self.model = DuelingQ()
        self.target = copy.deepcopy(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.buffer = deque(maxlen=20000)

    def act(self, state, eps):
        if random.random() < eps:
            return random.randrange(2)
        with torch.no_grad():
            return self.model(torch.tensor(state)).argmax().item()

    def compute_loss(self, batch):
        states, actions, rewards, next_states, dones = (torch.tensor(b) for b in zip(*batch))
        curr_q = self.model(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            next_q = self.target(next_states).max(1).values
        expected_q = rewards + self.gamma * next_q
        return nn.functional.smooth_l1_loss(curr_q, expected_q)

    def update(self, batch_size=64):
        loss = self.compute_loss(random.sample(self.buffer, batch_size))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for p, q in zip(self.target.parameters(), self.model.parameters()):
                p.lerp_(q, 0.01)


env, agent = Balance(), Agent()
lengths, total = [], 0
for episode in range(1, 10000):
    state, eps = env.reset(), max(0.05, 1 - total / 1500)
    for t in range(150):
        action = agent.act(state, eps)
        next_state, reward, done = env.step(action)
        agent.buffer.append((state, action, reward, next_state, float(done)))
        state = next_state
        total += 1
        if len(agent.buffer) > 500:
            agent.update()
        if done:
            break
    lengths.append(t + 1)
    if episode % 25 == 0:
        print(f"episode {episode} steps {total} length {sum(lengths[-25:]) / 25:.1f}")
    if total > 4000:
        break
print("last", sum(lengths[-15:]) / 15)
