import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Bernoulli

torch.manual_seed(0)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.dropout = nn.Dropout(p=0.1)
        self.affine2 = nn.Linear(32, 1)
        self.saved_log_probs, self.values, self.rewards = [], [], []

    def forward(self, x):
        return self.affine2(F.relu(self.dropout(self.affine1(x)))).squeeze(-1)


policy = Policy()
baseline = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
value_optimizer = torch.optim.Adam(baseline.parameters(), lr=1e-2)


def select_action(state):
    m = Bernoulli(logits=policy(state))
    action = m.sample()
    policy.saved_log_probs.append(m.log_prob(action))
    policy.values.append(baseline(state).squeeze(-1))
    return action.item()


def finish_episode(gamma=0.95):
    R, returns = 0.0, []
    for r in policy.rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    values = torch.stack(policy.values)
    adv = returns - values.detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-6)
    policy_loss = -(torch.stack(policy.saved_log_probs) * adv).sum()
    value_loss = F.smooth_l1_loss(values, returns)
    for o, l in ((optimizer, policy_loss), (value_optimizer, value_loss)):
        o.zero_grad()
        l.backward()
        o.step()
    policy.saved_log_probs.clear()
    policy.values.clear()
    policy.rewards.clear()
    return policy_loss.item(), value_loss.item()


for episode in range(5):
    state = torch.randn(4)
    for t in range(30):
        a = select_action(state)
        policy.rewards.append(1.0 if (a > 0.5) == (state[0].item() > 0) else -0.5)
        state = 0.7 * state + 0.5 * torch.randn(4)
    total = sum(policy.rewards)
    pl, vl = finish_episode()
    print(f"episode {episode} return {total:.1f} policy {pl:.3f} value {vl:.3f}")
