import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
GAMMA, TAU = 0.99, 0.01


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1), nn.Tanh())

    def forward(self, s):
        return 2.0 * self.net(s)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, s, a):
        return self.net(torch.cat([s, a], dim=1))


actor, critic = Actor(), Critic()
actor_target, critic_target = copy.deepcopy(actor), copy.deepcopy(critic)
actor_opt = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_opt = torch.optim.Adam(critic.parameters(), lr=1e-3, weight_decay=1e-2)


def soft_update(local_model, target_model, tau):
    for t, l in zip(target_model.parameters(), local_model.parameters()):
        t.data.copy_(tau * l.data + (1.0 - tau) * t.data)


def env_step(s, a):
    nxt = 0.95 * s + 0.1 * a + 0.05 * torch.randn_like(s)
    return nxt, -(s.pow(2).sum(1, keepdim=True) + 0.1 * a.pow(2))


s = torch.randn(256, 3)
with torch.no_grad():
    a = (actor(s) + 0.2 * torch.randn(256, 1)).clamp(-2, 2)
s2, r = env_step(s, a)
done = (torch.rand(256, 1) < 0.05).float()

for it in range(6):
    idx = torch.randint(0, 256, (64,))
    q_next = critic_target(s2[idx], actor_target(s2[idx])).detach()
    target_q = r[idx] + GAMMA * (1 - done[idx]) * q_next
    critic_loss = F.mse_loss(critic(s[idx], a[idx]), target_q)
    critic_opt.zero_grad()
    critic_loss.backward()
    torch.nn.utils.clip_grad_norm_(critic.parameters(), 1)
    critic_opt.step()

    actor_loss = -critic(s[idx], actor(s[idx])).mean()
    actor_opt.zero_grad()
    actor_loss.backward()
    actor_opt.step()

    soft_update(critic, critic_target, TAU)
    soft_update(actor, actor_target, TAU)
    print(f"iter {it} critic {critic_loss.item():.4f} actor {actor_loss.item():.4f}")
