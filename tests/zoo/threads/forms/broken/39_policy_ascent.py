import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


class GridWorld:
    """Walk to the goal on a 4x4 torus; every step costs the distance."""

    def __init__(self, n):
        self.n = n

    def reset(self):
        self.pos = torch.randint(4, (self.n, 2))
        self.goal = torch.randint(4, (self.n, 2))
        return self.observe()

    def observe(self):
        both = torch.stack([self.pos, self.goal], dim=1).flatten(1)
        return nn.functional.one_hot(both, 4).flatten(1).float()

    def step(self, action):
        moves = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0], [0, 0]])
        self.pos = (self.pos + moves[action]) % 4
        gap = (self.pos - self.goal).abs()
        return self.observe(), -torch.minimum(gap, 4 - gap).sum(1).float()


class Rollout:
    def __init__(self):
        self.log_prob, self.reward, self.entropy = [], [], []

    def add(self, dist, action, reward):
        self.log_prob.append(dist.log_prob(action))
        self.entropy.append(dist.entropy())
        self.reward.append(reward)

    def returns(self, gamma):
        future, out = torch.zeros_like(self.reward[0]), []
        for r in reversed(self.reward):
            future = r + gamma * future
            out.append(future)
        return torch.stack(out[::-1])


policy = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 5))
optim = torch.optim.Adam(policy.parameters(), lr=1e-2, maximize=True)
env = GridWorld(128)
for update in range(160):
    obs, roll = env.reset(), Rollout()
    for _ in range(5):
        dist = Categorical(logits=policy(obs))
        action = dist.sample()
        obs, reward = env.step(action)
        roll.add(dist, action, reward)
    ret = roll.returns(0.9)
    adv = (ret - ret.mean(1, keepdim=True)) / (ret.std(1, keepdim=True) + 1e-6)
    objective = (torch.stack(roll.log_prob) * adv).mean()
    loss = -objective - 0.001 * torch.stack(roll.entropy).mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    if update % 20 == 0:
        print(update, "mean return", ret[0].mean().item())
