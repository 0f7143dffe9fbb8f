import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(19)


class SACModel(nn.Module):
    def __init__(self, obs_dim=5, act_dim=2, initial_alpha=1.0):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(obs_dim, 32), nn.ReLU(), nn.Linear(32, act_dim * 2))
        self.q = nn.Sequential(nn.Linear(obs_dim + act_dim, 32), nn.ReLU(), nn.Linear(32, 1))
        self.log_alpha = torch.tensor(float(initial_alpha)).log().requires_grad_()

    def sample(self, obs):
        mean, log_std = self.pi(obs).chunk(2, dim=-1)
        dist = torch.distributions.Normal(mean, log_std.clamp(-5, 2).exp())
        u = dist.rsample()
        a = torch.tanh(u)
        logp = (dist.log_prob(u) - torch.log(1 - a.pow(2) + 1e-6)).sum(-1)
        return a, logp


class SACPolicy:
    def __init__(self, model, dtype=torch.float32):
        self.model = model
        self.target_model = copy.deepcopy(model.q)
        self.actor_optim = torch.optim.Adam(model.pi.parameters(), lr=3e-3)
        self.critic_optim = torch.optim.Adam(model.q.parameters(), lr=3e-3)
        self.alpha_optim = torch.optim.Adam([model.log_alpha], lr=3e-2)
        model.log_alpha = model.log_alpha.detach().to(dtype, copy=True).requires_grad_()
        self.target_entropy = -2.0

    def learn(self, obs, act, rew, nxt, gamma=0.99, tau=0.05):
        m = self.model
        alpha = m.log_alpha.exp().detach()
        with torch.no_grad():
            a2, logp2 = m.sample(nxt)
            y = rew + gamma * (self.target_model(torch.cat([nxt, a2], -1)).squeeze(-1) - alpha * logp2)
        critic_loss = F.mse_loss(m.q(torch.cat([obs, act], -1)).squeeze(-1), y)
        self.critic_optim.zero_grad()
        critic_loss.backward()
        self.critic_optim.step()

        a, logp = m.sample(obs)
        actor_loss = (alpha * logp - m.q(torch.cat([obs, a], -1)).squeeze(-1)).mean()
        self.actor_optim.zero_grad()
        actor_loss.backward()
        self.actor_optim.step()

        alpha_loss = -(m.log_alpha * (logp.detach() + self.target_entropy)).mean()
        self.alpha_optim.zero_grad()
        alpha_loss.backward()
        self.alpha_optim.step()
        with torch.no_grad():
            for tp, p in zip(self.target_model.parameters(), m.q.parameters()):
                tp.mul_(1 - tau).add_(tau * p)
        return critic_loss.item(), actor_loss.item(), m.log_alpha.exp().item()


policy = SACPolicy(SACModel())
obs, act = torch.randn(128, 5), torch.rand(128, 2) * 2 - 1
nxt, rew = 0.9 * obs + 0.1 * torch.randn(128, 5), -(act - obs[:, :2]).pow(2).sum(-1)
for it in range(6):
    c, a, alpha = policy.learn(obs, act, rew, nxt)
    print(f"iter {it} critic {c:.4f} actor {a:.4f} alpha {alpha:.4f}")
