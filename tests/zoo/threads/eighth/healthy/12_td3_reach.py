import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
GAMMA, TAU, POLICY_DELAY = 0.9, 0.02, 2


class Reach:
    """Many independent points on a line that should move to the goal."""

    def __init__(self, n=16, horizon=15):
        self.n, self.horizon = n, horizon

    def reset(self):
        self.pos, self.goal, self.t = torch.rand(self.n, 1) * 2 - 1, torch.rand(self.n, 1) * 2 - 1, 0
        return torch.cat([self.pos, self.goal], dim=1)

    def step(self, a):
        self.pos = (self.pos + 0.3 * a).clamp(-1.5, 1.5)
        self.t += 1
        reward = -(self.pos - self.goal).abs() - 0.02 * a.pow(2)
        return torch.cat([self.pos, self.goal], dim=1), reward, self.t >= self.horizon


def mlp(i, o, last):
    return nn.Sequential(nn.Linear(i, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, o), last)


actor, q1, q2 = mlp(2, 1, nn.Tanh()), mlp(3, 1, nn.Identity()), mlp(3, 1, nn.Identity())
actor_t, q1_t, q2_t = copy.deepcopy(actor), copy.deepcopy(q1), copy.deepcopy(q2)
for net in (actor_t, q1_t, q2_t):
    net.requires_grad_(False)
actor_opt = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_opt = torch.optim.Adam([*q1.parameters(), *q2.parameters()], lr=1e-3)

capacity, filled, ptr = 8000, 0, 0
S, A, R, S2 = torch.zeros(capacity, 2), torch.zeros(capacity, 1), torch.zeros(capacity, 1), torch.zeros(capacity, 2)


def evaluate():
    env = Reach(n=200)
    s, total = env.reset(), 0.0
    with torch.no_grad():
        for _ in range(env.horizon):
            s, r, _ = env.step(actor(s))
            total += r.mean().item()
    return total


env, updates = Reach(), 0
print(f"start return {evaluate():.2f}")
for episode in range(60):
    s, done = env.reset(), False
    while not done:
        with torch.no_grad():
            a = (actor(s) + 0.2 * torch.randn(env.n, 1)).clamp(-1, 1)
        s2, r, done = env.step(a)
        idx = (ptr + torch.arange(env.n)) % capacity
        S[idx], A[idx], R[idx], S2[idx] = s, a, r, s2
        ptr, filled, s = (ptr + env.n) % capacity, min(filled + env.n, capacity), s2
        if filled < 500:
            continue

        batch = torch.randint(0, filled, (128,))
        with torch.no_grad():
            noise = (0.1 * torch.randn(128, 1)).clamp(-0.25, 0.25)
            a2 = (actor_t(S2[batch]) + noise).clamp(-1, 1)
            x2 = torch.cat([S2[batch], a2], dim=1)
            target = R[batch] + GAMMA * torch.min(q1_t(x2), q2_t(x2))
        x = torch.cat([S[batch], A[batch]], dim=1)
        critic_loss = F.mse_loss(q1(x), target) + F.mse_loss(q2(x), target)
        critic_opt.zero_grad()
        critic_loss.backward()
        critic_opt.step()

        updates += 1
        if updates % POLICY_DELAY == 0:
            actor_loss = -q1(torch.cat([S[batch], actor(S[batch])], dim=1)).mean()
            actor_opt.zero_grad()
            actor_loss.backward()
            actor_opt.step()
            for net, net_t in ((actor, actor_t), (q1, q1_t), (q2, q2_t)):
                for p, p_t in zip(net.parameters(), net_t.parameters()):
                    p_t.data.copy_(TAU * p.data + (1 - TAU) * p_t.data)
    if episode % 10 == 9:
        print(f"episode {episode + 1} critic loss {critic_loss.item():.4f} return {evaluate():.2f}")
