from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class SacSpec:
    obs_dim: int = 3
    act_dim: int = 1
    hidden: int = 64
    gamma: float = 0.95
    tau: float = 0.02
    lr: float = 1e-3
    alpha_lr: float = 1e-3
    init_alpha: float = 0.0
    target_entropy: float = -1.0
    steps: int = 400
    batch: int = 64


def mlp(i, h, o):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


class Actor(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.net = mlp(spec.obs_dim, spec.hidden, 2 * spec.act_dim)

    def forward(self, obs):
        mu, log_std = self.net(obs).chunk(2, -1)
        dist = torch.distributions.Normal(mu, log_std.clamp(-5, 2).exp())
        u = dist.rsample()
        a = torch.tanh(u)
        logp = dist.log_prob(u) - 2 * (0.6931 - u - F.softplus(-2 * u))
        return a, logp.sum(-1, keepdim=True)


class ReachEnv:
    def __init__(self, n):
        self.n = n
        self.reset()

    def reset(self):
        self.pos, self.goal, self.t = torch.zeros(self.n, 1), torch.rand(self.n, 1) * 2 - 1, 0
        return self.obs()

    def obs(self):
        return torch.cat([self.pos, self.goal, self.goal - self.pos], -1)

    def step(self, a):
        self.pos = (self.pos + 0.2 * a).clamp(-1.5, 1.5)
        self.t += 1
        return self.obs(), -(self.goal - self.pos).abs(), self.t >= 20


class FastSac:
    def __init__(self, spec):
        self.spec = spec
        self.actor = Actor(spec)
        d = spec.obs_dim + spec.act_dim
        self.q = nn.ModuleList([mlp(d, spec.hidden, 1) for _ in range(2)])
        self.q_targ = nn.ModuleList([mlp(d, spec.hidden, 1) for _ in range(2)])
        self.q_targ.load_state_dict(self.q.state_dict())
        self.log_alpha = torch.tensor(float(torch.log(torch.tensor(spec.init_alpha))), requires_grad=True)
        self.opt_a = torch.optim.Adam(self.actor.parameters(), lr=spec.lr)
        self.opt_q = torch.optim.Adam(self.q.parameters(), lr=spec.lr)
        self.opt_alpha = torch.optim.Adam([self.log_alpha], lr=spec.alpha_lr)

    def update(self, o, a, r, o2):
        alpha = self.log_alpha.exp().detach()
        with torch.no_grad():
            a2, lp2 = self.actor(o2)
            q2 = torch.min(*[q(torch.cat([o2, a2], -1)) for q in self.q_targ])
            target = r + self.spec.gamma * (q2 - alpha * lp2)
        q_loss = sum(F.mse_loss(q(torch.cat([o, a], -1)), target) for q in self.q)
        self.opt_q.zero_grad(); q_loss.backward(); self.opt_q.step()

        a1, lp1 = self.actor(o)
        a_loss = (alpha * lp1 - torch.min(*[q(torch.cat([o, a1], -1)) for q in self.q])).mean()
        self.opt_a.zero_grad(); a_loss.backward(); self.opt_a.step()

        alpha_loss = -(self.log_alpha * (lp1.detach() + self.spec.target_entropy)).mean()
        self.opt_alpha.zero_grad()
        alpha_loss.backward()
        self.opt_alpha.step()
        with torch.no_grad():
            for p, pt in zip(self.q.parameters(), self.q_targ.parameters()):
                pt.lerp_(p, self.spec.tau)
        return q_loss.item(), -lp1.mean().item()


def main():
    spec = SacSpec()
    torch.manual_seed(0)
    agent, env, buf = FastSac(spec), ReachEnv(8), []
    obs = env.reset()
    for step in range(spec.steps):
        with torch.no_grad():
            a = agent.actor(obs)[0] if step > 30 else torch.rand(8, 1) * 2 - 1
        nxt, r, done = env.step(a)
        buf += list(zip(obs, a, r, nxt))
        obs = env.reset() if done else nxt
        batch = [buf[i] for i in torch.randint(0, len(buf), (spec.batch,)).tolist()]
        ql, ent = agent.update(*[torch.stack(z) for z in zip(*batch)])
        if step % 100 == 0:
            print(f"step {step:4d} q_loss {ql:.4f} entropy {ent:.3f} alpha {agent.log_alpha.exp().item():.4f} reward {r.mean():.3f}")


if __name__ == "__main__":
    main()
