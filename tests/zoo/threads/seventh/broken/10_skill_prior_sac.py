import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

torch.manual_seed(13)


class MLP(nn.Module):
    def __init__(self, nin, nout, hidden=64):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(nin, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2))
        self.head = nn.Linear(hidden, nout)

    def forward(self, *xs):
        return self.head(self.body(torch.cat(xs, dim=-1)))


class SkillPolicy(nn.Module):
    def __init__(self, obs_dim, z_dim):
        super().__init__()
        self.net = MLP(obs_dim, 2 * z_dim)

    def forward(self, obs):
        mu, log_sigma = self.net(obs).chunk(2, -1)
        return Normal(mu, log_sigma.clamp(-5, 2).exp())


class Replay:
    def __init__(self, obs_dim, z_dim, n=1024):
        goal = torch.randn(z_dim, obs_dim)
        self.obs = torch.randn(n, obs_dim)
        self.act = torch.randn(n, z_dim)
        self.rew = -((self.act - self.obs @ goal.t() * 0.3) ** 2).mean(-1, keepdim=True)
        self.nxt = 0.9 * self.obs + 0.1 * torch.randn(n, obs_dim)

    def sample(self, n):
        i = torch.randint(0, len(self.obs), (n,))
        return self.obs[i], self.act[i], self.rew[i], self.nxt[i]


class SkillPriorSAC:
    def __init__(self, obs_dim=8, z_dim=4, gamma=0.9, alpha=0.05, lr=1e-3):
        self.policy = SkillPolicy(obs_dim, z_dim)
        self.prior = SkillPolicy(obs_dim, z_dim)
        for p in self.prior.parameters():
            p.requires_grad = False
        self.critics = nn.ModuleList([MLP(obs_dim + z_dim, 1) for _ in range(2)])
        self.critic_targets = copy.deepcopy(self.critics)
        self.policy_opt = torch.optim.Adam(self.policy.parameters(), lr=lr)
        self.critic_opts = [torch.optim.Adam(c.parameters(), lr=lr) for c in self.critics]
        self.gamma, self.alpha = gamma, alpha

    def compute_policy_loss(self, obs):
        dist = self.policy(obs)
        z = dist.rsample()
        q = torch.min(*[c(obs, z) for c in self.critics])
        kl = kl_divergence(dist, self.prior(obs)).sum(-1, keepdim=True)
        return (-q + self.alpha * kl).mean(), kl.mean().item()

    def compute_critic_losses(self, obs, act, rew, nxt):
        with torch.no_grad():
            dist = self.policy(nxt)
            z = dist.sample()
            q_next = torch.min(*[c(nxt, z) for c in self.critic_targets])
            kl = kl_divergence(dist, self.prior(nxt)).sum(-1, keepdim=True)
            target = rew + self.gamma * (q_next - self.alpha * kl)
        return [0.5 * F.mse_loss(c(obs, act), target) for c in self.critics]

    def perform_update(self, loss, opt, network):
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        opt.step()

    def soft_update(self, tau=0.01):
        with torch.no_grad():
            for p, pt in zip(self.critics.parameters(), self.critic_targets.parameters()):
                pt.lerp_(p, tau)

    def update(self, batch):
        obs, act, rew, nxt = batch
        policy_loss, kl = self.compute_policy_loss(obs)
        critic_losses = self.compute_critic_losses(obs, act, rew, nxt)
        for loss, opt, critic in zip(critic_losses, self.critic_opts, self.critics):
            self.perform_update(loss, opt, critic)
        self.perform_update(policy_loss, self.policy_opt, self.policy)
        self.soft_update()
        return {"policy": policy_loss.item(), "critic": critic_losses[0].item(), "kl": kl}


agent = SkillPriorSAC()
replay = Replay(8, 4)
for step in range(1, 201):
    info = agent.update(replay.sample(128))
    if step % 20 == 0:
        print(f"step {step:3d}  " + "  ".join(f"{k} {v:.4f}" for k, v in info.items()))
