"""PPO on a small continuous-control reaching task with bounded actions."""
import torch
import torch.nn as nn
from torch.distributions import Normal

torch.manual_seed(2)
OBS, ACT, N_ENV, HORIZON = 8, 4, 32, 24
LOW, HIGH = -0.5, 0.5


class ReachEnv:
    """Batch of point masses in R^4; reward is minus the distance to a goal."""

    def reset(self):
        self.pos = torch.randn(N_ENV, ACT)
        self.goal = torch.randn(N_ENV, ACT)
        self.t = 0
        return self._obs()

    def _obs(self):
        return torch.cat([self.pos, self.goal], dim=1)

    def step(self, action):
        self.pos = self.pos + 0.4 * action
        self.t += 1
        reward = -(self.pos - self.goal).norm(dim=1)
        return self._obs(), reward, self.t >= HORIZON


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(OBS, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, ACT))
        self.v = nn.Sequential(nn.Linear(OBS, 64), nn.Tanh(), nn.Linear(64, 1))
        self.log_std = nn.Parameter(torch.full((ACT,), 0.0))

    def dist(self, obs):
        return Normal(self.pi(obs), self.log_std.exp())

    def value(self, obs):
        return self.v(obs).squeeze(-1)


@torch.no_grad()
def collect(env, model):
    obs, done = env.reset(), False
    batch = {k: [] for k in ("obs", "act", "logp", "rew", "val")}
    while not done:
        dist = model.dist(obs)
        action = dist.sample()
        logp = dist.log_prob(action).sum(-1)
        action = action.clamp(LOW, HIGH)
        next_obs, reward, done = env.step(action)
        for key, item in zip(batch, (obs, action, logp, reward, model.value(obs))):
            batch[key].append(item)
        obs = next_obs
    out = {k: torch.stack(v) for k, v in batch.items()}
    out["last_val"] = model.value(obs)
    return out


def gae(batch, gamma=0.95, lam=0.9):
    adv = torch.zeros_like(batch["rew"])
    running = torch.zeros(N_ENV)
    next_val = batch["last_val"]
    for t in reversed(range(HORIZON)):
        delta = batch["rew"][t] + gamma * next_val - batch["val"][t]
        running = delta + gamma * lam * running
        adv[t] = running
        next_val = batch["val"][t]
    return adv, adv + batch["val"]


def update(model, optimizer, batch, clip=0.2, epochs=4, minibatch=256):
    adv, ret = gae(batch)
    obs, act, logp_old = (batch[k].flatten(0, 1) for k in ("obs", "act", "logp"))
    adv, ret = adv.flatten(), ret.flatten()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(epochs):
        for idx in torch.randperm(len(obs)).split(minibatch):
            dist = model.dist(obs[idx])
            logp = dist.log_prob(act[idx]).sum(-1)
            ratio = torch.exp(logp - logp_old[idx])
            surr = torch.min(ratio * adv[idx], ratio.clamp(1 - clip, 1 + clip) * adv[idx])
            value_loss = (model.value(obs[idx]) - ret[idx]).pow(2).mean()
            loss = -surr.mean() + 0.5 * value_loss - 0.001 * dist.entropy().sum(-1).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
    return value_loss.item()


def main():
    env, model = ReachEnv(), ActorCritic()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for it in range(61):
        batch = collect(env, model)
        vloss = update(model, optimizer, batch)
        if it % 10 == 0:
            print(f"iter {it:3d} return {batch['rew'].sum(0).mean():8.3f} value loss {vloss:.3f} "
                  f"std {model.log_std.exp().mean():.3f}")


if __name__ == "__main__":
    main()
