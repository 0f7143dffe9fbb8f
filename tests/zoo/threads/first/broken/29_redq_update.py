import copy

import torch
import torch.nn as nn
from torch.distributions import Normal


def mlp(i, o, h=32):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


class TanhGaussianPolicy(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.net = mlp(obs, 2 * act)

    def forward(self, obs):
        mean, log_std = self.net(obs).chunk(2, -1)
        dist = Normal(mean, log_std.clamp(-5, 2).exp())
        u = dist.rsample()
        a = torch.tanh(u)
        logp = (dist.log_prob(u) - torch.log(1 - a.pow(2) + 1e-6)).sum(-1, keepdim=True)
        return a, logp


class REDQSACAgent:
    def __init__(self, obs, act, num_q=4, lr=1e-3, gamma=0.99, polyak=0.995, alpha=0.2):
        self.policy_net = TanhGaussianPolicy(obs, act)
        self.q_net_list = [mlp(obs + act, 1) for _ in range(num_q)]
        self.q_target_list = [copy.deepcopy(q) for q in self.q_net_list]
        self.policy_optimizer = torch.optim.Adam(self.policy_net.parameters(), lr=lr)
        self.q_optimizer_list = [torch.optim.Adam(q.parameters(), lr=lr) for q in self.q_net_list]
        self.gamma, self.polyak, self.alpha = gamma, polyak, alpha

    def train(self, s, a, r, s2, d):
        with torch.no_grad():
            a2, logp2 = self.policy_net(s2)
            idx = torch.randperm(len(self.q_target_list))[:2].tolist()
            q2 = torch.min(*[self.q_target_list[i](torch.cat([s2, a2], 1)) for i in idx])
            y = r + self.gamma * (1 - d) * (q2 - self.alpha * logp2)
        q_pred = torch.cat([q(torch.cat([s, a], 1)) for q in self.q_net_list], 1)
        q_loss = nn.functional.mse_loss(q_pred, y.expand_as(q_pred)) * len(self.q_net_list)
        for opt in self.q_optimizer_list:
            opt.zero_grad()
        q_loss.backward()

        pi, logp = self.policy_net(s)
        ave_q = torch.cat([q(torch.cat([s, pi], 1)) for q in self.q_net_list], 1).mean(1, keepdim=True)
        policy_loss = (self.alpha * logp - ave_q).mean()
        self.policy_optimizer.zero_grad()
        policy_loss.backward()

        for opt in self.q_optimizer_list:
            opt.step()
        self.policy_optimizer.step()
        for q, t in zip(self.q_net_list, self.q_target_list):
            for p, pt in zip(q.parameters(), t.parameters()):
                pt.data.mul_(self.polyak).add_(p.data, alpha=1 - self.polyak)
        return q_loss.item(), policy_loss.item()


torch.manual_seed(1)
agent = REDQSACAgent(5, 2)
for step in range(5):
    batch = torch.randn(48, 5), torch.rand(48, 2) * 2 - 1, torch.randn(48, 1), torch.randn(48, 5), torch.zeros(48, 1)
    print("step %d q %.4f pi %.4f" % (step, *agent.train(*batch)))
