import torch
import torch.nn as nn
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self, ctx=6, arms=4):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(ctx, 32), nn.Tanh(), nn.Linear(32, arms))

    def forward(self, x):
        return Categorical(logits=self.net(x))


class ContextualBandit:
    def __init__(self, ctx=6, arms=4):
        self.w = torch.randn(ctx, arms)

    def contexts(self, n):
        return torch.randn(n, self.w.size(0))

    def pull(self, x, a):
        mean = torch.tanh(x @ self.w).gather(1, a.unsqueeze(1)).squeeze(1)
        return mean.numpy() + 0.1 * torch.randn(len(a)).numpy()

    def best(self, x):
        return torch.tanh(x @ self.w).max(1).values.mean().item()


class RunningBaseline:
    def __init__(self, beta=0.95):
        self.beta, self.value = beta, 0.0

    def update(self, rewards):
        self.value = self.beta * self.value + (1 - self.beta) * rewards.mean().item()
        return self.value


def main():
    torch.manual_seed(0)
    env, policy, baseline = ContextualBandit(), Policy(), RunningBaseline()
    opt = torch.optim.Adam(policy.parameters(), lr=1e-2)
    for it in range(250):
        x = env.contexts(64)
        dist = policy(x)
        action = dist.sample()
        reward = torch.from_numpy(env.pull(x, action)).float()
        adv = reward - baseline.value
        baseline.update(reward)
        loss = -(dist.log_prob(action) * adv).mean() - 0.01 * dist.entropy().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % 50 == 0 or it == 249:
            print(f"iter {it:3d} surrogate {loss.item():+.4f} reward {reward.mean().item():.3f} best {env.best(x):.3f}")


if __name__ == "__main__":
    main()
