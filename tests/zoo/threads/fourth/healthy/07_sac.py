import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(6)


def mlp(i, o):
    return nn.Sequential(nn.Linear(i, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, o))


class SACTrainer:
    def __init__(self, target_entropy=-1.0):
        self.policy, self.qf1, self.qf2 = mlp(2, 2), mlp(3, 1), mlp(3, 1)
        self.target_qf1, self.target_qf2 = copy.deepcopy(self.qf1), copy.deepcopy(self.qf2)
        self.target_entropy = target_entropy
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=1e-2)
        self.policy_optimizer = torch.optim.Adam(self.policy.parameters(), lr=2e-3)
        self.qf1_optimizer = torch.optim.Adam(self.qf1.parameters(), lr=2e-3)
        self.qf2_optimizer = torch.optim.Adam(self.qf2.parameters(), lr=2e-3)

    def act(self, obs):
        mean, log_std = self.policy(obs).chunk(2, 1)
        dist = Normal(mean, log_std.clamp(-5, 2).exp())
        u = dist.rsample()
        log_pi = dist.log_prob(u) - torch.log(1 - torch.tanh(u) ** 2 + 1e-6)
        return torch.tanh(u), log_pi

    def train(self, obs, actions, rewards, next_obs):
        new_actions, log_pi = self.act(obs)
        alpha_loss = -(self.log_alpha * (log_pi + self.target_entropy).detach()).mean()
        self.alpha_optimizer.zero_grad()
        alpha_loss.backward()
        self.alpha_optimizer.step()
        alpha = self.log_alpha.exp().detach()

        sa = torch.cat([obs, new_actions], 1)
        policy_loss = (alpha * log_pi - torch.min(self.qf1(sa), self.qf2(sa))).mean()
        q1_pred, q2_pred = (q(torch.cat([obs, actions], 1)) for q in (self.qf1, self.qf2))
        next_actions, next_log_pi = self.act(next_obs)
        nsa = torch.cat([next_obs, next_actions], 1)
        target = torch.min(self.target_qf1(nsa), self.target_qf2(nsa)) - alpha * next_log_pi
        q_target = (rewards + 0.9 * target).detach()
        qf1_loss, qf2_loss = F.mse_loss(q1_pred, q_target), F.mse_loss(q2_pred, q_target)

        self.policy_optimizer.zero_grad()
        policy_loss.backward()
        self.policy_optimizer.step()
        self.qf1_optimizer.zero_grad()
        qf1_loss.backward()
        self.qf1_optimizer.step()
        self.qf2_optimizer.zero_grad()
        qf2_loss.backward()
        self.qf2_optimizer.step()
        for q, tq in ((self.qf1, self.target_qf1), (self.qf2, self.target_qf2)):
            for p, tp in zip(q.parameters(), tq.parameters()):
                tp.data.copy_(tp.data * 0.98 + p.data * 0.02)
        return policy_loss.item(), qf1_loss.item(), alpha.item()


trainer = SACTrainer()
for it in range(201):
    obs = torch.randn(64, 2)
    with torch.no_grad():
        a, _ = trainer.act(obs)
    next_obs = 0.8 * obs + 0.4 * torch.cat([a, -a], 1)
    rew = -(next_obs ** 2).sum(1, keepdim=True)
    pl, ql, al = trainer.train(obs, a, rew, next_obs)
    if it % 40 == 0:
        print("it %d policy %.4f qf1 %.4f alpha %.4f reward %.3f" % (it, pl, ql, al, rew.mean().item()))
