import itertools
from copy import deepcopy
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions.normal import Normal

torch.manual_seed(22)


def mlp(sizes):
    layers = []
    for j in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[j], sizes[j + 1]), nn.ReLU() if j < len(sizes) - 2 else nn.Identity()]
    return nn.Sequential(*layers)


class Actor(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()
        self.net = nn.Sequential(mlp([obs_dim, 32, 32]), nn.ReLU())
        self.mu_layer, self.log_std_layer = nn.Linear(32, act_dim), nn.Linear(32, act_dim)

    def forward(self, obs):
        h = self.net(obs)
        dist = Normal(self.mu_layer(h), self.log_std_layer(h).clamp(-5, 2).exp())
        u = dist.rsample()
        logp = dist.log_prob(u).sum(-1) - (2 * (0.6931 - u - F.softplus(-2 * u))).sum(-1)
        return torch.tanh(u), logp


class QFunction(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()
        self.q = mlp([obs_dim + act_dim, 32, 32, 1])

    def forward(self, obs, act):
        return self.q(torch.cat([obs, act], -1)).squeeze(-1)


class ActorCritic(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()
        self.pi, self.q1, self.q2 = Actor(obs_dim, act_dim), QFunction(obs_dim, act_dim), QFunction(obs_dim, act_dim)


ac = ActorCritic(2, 1)
ac_targ = deepcopy(ac)
for p in ac_targ.parameters():
    p.requires_grad = False
q_params = itertools.chain(ac.q1.parameters(), ac.q2.parameters())
pi_optimizer = torch.optim.Adam(ac.pi.parameters(), lr=3e-3)
q_optimizer = torch.optim.SGD(q_params, lr=1e-2)
gamma, alpha, polyak, max_norm = 0.9, 0.05, 0.98, 1.0


def env_step(o, a):
    o2 = (0.9 * o + torch.cat([torch.zeros_like(a), 0.5 * a], 1)).clamp(-3, 3)
    heavy = torch.where(torch.rand(len(o)) < 0.02, -40.0, 0.0)
    return o2, -(o2 ** 2).sum(1) + heavy


for t in range(301):
    o = torch.randn(64, 2)
    a = torch.rand(64, 1) * 2 - 1
    o2, r = env_step(o, a)
    with torch.no_grad():
        a2, logp2 = ac.pi(o2)
        backup = r + gamma * (torch.min(ac_targ.q1(o2, a2), ac_targ.q2(o2, a2)) - alpha * logp2)
    q_optimizer.zero_grad()
    loss_q = ((ac.q1(o, a) - backup) ** 2).mean() + ((ac.q2(o, a) - backup) ** 2).mean()
    loss_q.backward()
    nn.utils.clip_grad_norm_(q_params, max_norm)
    q_optimizer.step()

    for p in q_params:
        p.requires_grad = False
    pi_optimizer.zero_grad()
    a_pi, logp = ac.pi(o)
    loss_pi = (alpha * logp - torch.min(ac.q1(o, a_pi), ac.q2(o, a_pi))).mean()
    loss_pi.backward()
    pi_optimizer.step()
    for p in q_params:
        p.requires_grad = True

    with torch.no_grad():
        for p, p_targ in zip(ac.parameters(), ac_targ.parameters()):
            p_targ.data.mul_(polyak).add_((1 - polyak) * p.data)
    if t % 60 == 0:
        print("t %d LossQ %.3f LossPi %.3f" % (t, loss_q.item(), loss_pi.item()))
