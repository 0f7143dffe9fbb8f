from dataclasses import dataclass
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


@dataclass
class Weights:
    policy: float = 1.0
    value: float = 0.5
    entropy: float = 0.01


class Policy(nn.Module):
    def __init__(self, inputs, actions):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, 48), nn.Tanh())
        self.pi, self.v = nn.Linear(48, actions), nn.Linear(48, 1)

    def forward(self, obs):
        h = self.body(obs)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


class Bandits:
    """Contextual bandit: the best arm is the argmax of a linear map."""

    def __init__(self, arms):
        self.map = torch.randn(5, arms)

    def observe(self, n):
        return torch.randn(n, 5)

    def pay(self, obs, arm):
        return (obs @ self.map).gather(1, arm.unsqueeze(1)).squeeze(1)


def losses(policy, obs, arm, reward):
    dist, value = policy(obs)
    advantage = (reward - value).detach()
    return {
        "policy": -(dist.log_prob(arm) * advantage).mean(),
        "value": nn.functional.mse_loss(value, reward),
        "entropy": -dist.entropy().sum(),
    }


env, policy, weights = Bandits(4), Policy(5, 4), Weights()
optim = torch.optim.Adam(policy.parameters(), lr=5e-3)
for it in range(250):
    obs = env.observe(256)
    with torch.no_grad():
        arm = policy(obs)[0].sample()
    terms = losses(policy, obs, arm, env.pay(obs, arm))
    optim.zero_grad()
    sum(getattr(weights, k) * v for k, v in terms.items()).backward()
    optim.step()
    if it % 50 == 0:
        with torch.no_grad():
            o = env.observe(2000)
            d, _ = policy(o)
            best = (o @ env.map).max(1).values.mean()
            print(it, f"pay {env.pay(o, d.sample()).mean():.3f} of {best:.3f} entropy {d.entropy().mean():.3f}")
