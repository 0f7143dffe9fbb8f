"""TD3 on a 1-D point mass with offline random transitions: twin critics, delayed actor, target nets."""
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(8)
GAMMA, TAU, POLICY_FREQ = 0.95, 0.02, 2


def mlp(i, o, out=None):
    layers = [nn.Linear(i, 32), nn.ReLU(), nn.Linear(32, o)]
    return nn.Sequential(*layers, *([out] if out else []))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.q1, self.q2 = mlp(3, 1), mlp(3, 1)

    def forward(self, s, a):
        sa = torch.cat([s, a], 1)
        return self.q1(sa), self.q2(sa)

    def Q1(self, s, a):
        return self.q1(torch.cat([s, a], 1))


actor, critic = mlp(2, 1, nn.Tanh()), Critic()
actor_target, critic_target = copy.deepcopy(actor), copy.deepcopy(critic)
actor_opt = torch.optim.Adam(actor.parameters(), lr=2e-3)
critic_opt = torch.optim.Adam(critic.parameters(), lr=4e-3)


def soft_update(net, target):
    for p, tp in zip(net.parameters(), target.parameters()):
        tp.data.copy_(TAU * p.data + (1 - TAU) * tp.data)


def replay(n=64):
    s = torch.rand(n, 2) * 2 - 1
    a = torch.rand(n, 1) * 2 - 1
    v = s[:, 1:] + 0.3 * a
    s2 = torch.cat([s[:, :1] + 0.3 * v, v], 1)
    r = -(s2 ** 2).sum(1, keepdim=True)
    return s, a, r, s2


for it in range(1, 121):
    s, a, r, s2 = replay()
    with torch.no_grad():
        noise = (torch.randn_like(a) * 0.2).clamp(-0.5, 0.5)
        a2 = (actor_target(s2) + noise).clamp(-1, 1)
        target_q = r + GAMMA * torch.min(*critic_target(s2, a2))
    q1, q2 = critic(s, a)
    critic_loss = F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)
    critic_opt.zero_grad()
    critic_loss.backward()
    critic_opt.step()
    if it % POLICY_FREQ == 0:
        actor_loss = -critic.Q1(s, actor(s)).mean()
        actor_opt.zero_grad()
        actor_loss.backward()
        actor_opt.step()
        soft_update(critic, critic_target)
        soft_update(actor, actor_target)
    if it % 40 == 0:
        print(f"it {it} critic {critic_loss.item():.4f} actor {actor_loss.item():.4f}")
