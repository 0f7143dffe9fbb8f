import argparse

import torch
import torch.nn as nn
from torch.distributions import Normal


class ActionExpert(nn.Module):
    def __init__(self, obs_dim=12, act_dim=4, hidden=64):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(obs_dim, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mu = nn.Linear(hidden, act_dim)
        self.log_std = nn.Parameter(torch.full((act_dim,), -0.5))
        self.value_head = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def sample(self, obs):
        h = self.trunk(obs)
        dist = Normal(self.mu(h), self.log_std.exp())
        act = dist.sample()
        return act, dist.log_prob(act).sum(-1), self.value_head(h.detach())

    def evaluate(self, obs, act):
        h = self.trunk(obs)
        dist = Normal(self.mu(h), self.log_std.exp())
        value = self.value_head(h.detach()).squeeze(-1)
        return dist.log_prob(act).sum(-1), dist.entropy().sum(-1), value


def policy_loss(logp, old_logp, adv, clip):
    ratio = (logp - old_logp).exp()
    return -torch.min(ratio * adv, ratio.clamp(1 - clip, 1 + clip) * adv).mean()


def huber(err, delta=10.0):
    return torch.where(err.abs() < delta, 0.5 * err ** 2, delta * (err.abs() - 0.5 * delta))


def critic_loss(values, returns, prev_values, value_clip):
    clipped = prev_values + (values - prev_values).clamp(-value_clip, value_clip)
    loss_raw = huber(returns - values)
    loss_clip = huber(returns - clipped)
    return torch.max(loss_raw, loss_clip).mean()


@torch.no_grad()
def collect(model, n):
    obs = torch.randn(n, 12)
    act, logp, value = model.sample(obs)
    goal = obs[:, :4]
    reward = 3.0 * obs[:, 4:5] - (act - goal).pow(2).mean(-1, keepdim=True)
    return {"obs": obs, "act": act, "logp": logp, "value": value, "returns": reward}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--iters", type=int, default=25)
    p.add_argument("--rollout", type=int, default=512)
    p.add_argument("--minibatch", type=int, default=128)
    p.add_argument("--epochs", type=int, default=4)
    p.add_argument("--clip", type=float, default=0.2)
    p.add_argument("--value_clip", type=float, default=5.0)
    args = p.parse_args()
    torch.manual_seed(0)
    model = ActionExpert()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for it in range(args.iters):
        batch = collect(model, args.rollout)
        adv = (batch["returns"] - batch["value"]).squeeze(-1)
        adv = (adv - adv.mean()) / (adv.std() + 1e-6)
        for _ in range(args.epochs):
            for idx in torch.randperm(args.rollout).split(args.minibatch):
                logp, ent, values = model.evaluate(batch["obs"][idx], batch["act"][idx])
                loss_pi = policy_loss(logp, batch["logp"][idx], adv[idx], args.clip)
                loss_v = critic_loss(values, batch["returns"][idx], batch["value"][idx], args.value_clip)
                loss = loss_pi + 0.5 * loss_v - 0.001 * ent.mean()
                opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                opt.step()
        if it % 6 == 0:
            with torch.no_grad():
                r, v = batch["returns"].flatten(), batch["value"].flatten()
                ev = 1 - (r - v).var() / r.var()
            print(f"iter {it:3d} return {r.mean():.3f} critic {loss_v.item():.3f} explained_var {ev:.3f}")


if __name__ == "__main__":
    main()
