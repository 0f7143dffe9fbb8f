import torch
import torch.nn as nn
from torch.distributions import Categorical


class VecCorridor:
    def __init__(self, n=16, size=6, limit=18):
        self.n, self.size, self.limit = n, size, limit
        self.pos, self.t = torch.zeros(n, dtype=torch.long), torch.zeros(n, dtype=torch.long)

    def obs(self):
        return nn.functional.one_hot(self.pos, self.size).float()

    def step(self, a):
        self.pos = (self.pos + 2 * a - 1).clamp(0, self.size - 1)
        self.t += 1
        terminated = self.pos == self.size - 1
        reward = torch.where(terminated, 1.0, -0.02)
        final = self.obs()
        truncated = (self.t >= self.limit) & ~terminated
        reset = terminated | truncated
        self.pos[reset], self.t[reset] = 0, 0
        return self.obs(), final, reward, terminated, truncated


class ActorCritic(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, 2))
        self.v = nn.Sequential(nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, o):
        return Categorical(logits=self.pi(o)), self.v(o).squeeze(-1)


@torch.no_grad()
def rollout(env, net, horizon, gamma, lam):
    keep = {k: [] for k in ("obs", "act", "logp", "val", "rew", "boot", "cut")}
    o = env.obs()
    for _ in range(horizon):
        dist, val = net(o)
        a = dist.sample()
        nxt, final, r, term, trunc = env.step(a)
        boot = net(final)[1] * (~term)
        for k, x in zip(keep, (o, a, dist.log_prob(a), val, r, boot, term | trunc)):
            keep[k].append(x)
        o = nxt
    data = {k: torch.stack(x) for k, x in keep.items()}
    adv, acc = torch.zeros_like(data["rew"]), torch.zeros(env.n)
    for t in reversed(range(horizon)):
        delta = data["rew"][t] + gamma * data["boot"][t] - data["val"][t]
        acc = delta + gamma * lam * (~data["cut"][t]) * acc
        adv[t] = acc
    data["adv"], data["ret"] = adv, adv + data["val"]
    return {k: x.flatten(0, 1) for k, x in data.items()}


def main():
    torch.manual_seed(0)
    env = VecCorridor()
    net = ActorCritic(env.size)
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for it in range(20):
        d = rollout(env, net, 24, 0.97, 0.95)
        adv = (d["adv"] - d["adv"].mean()) / (d["adv"].std() + 1e-8)
        for _ in range(3):
            for i in torch.randperm(len(adv)).split(96):
                dist, v = net(d["obs"][i])
                ratio = (dist.log_prob(d["act"][i]) - d["logp"][i]).exp()
                pi_loss = -torch.min(ratio * adv[i], ratio.clamp(0.8, 1.2) * adv[i]).mean()
                loss = pi_loss + 0.5 * (v - d["ret"][i]).pow(2).mean() - 0.01 * dist.entropy().mean()
                opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                opt.step()
        if it % 5 == 4:
            print(f"iter {it + 1} mean reward {d['rew'].mean():.4f} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
