import torch
import torch.nn as nn
from torch.distributions import Independent, Normal, kl_divergence


class GaussianPolicy(nn.Module):
    def __init__(self, obs_dim, act_dim, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs_dim, hidden), nn.Tanh(), nn.Linear(hidden, act_dim))
        self.log_std = nn.Parameter(torch.zeros(act_dim))

    def forward(self, obs):
        return Independent(Normal(self.net(obs), self.log_std.exp()), 1)


def flatten(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def flat_grad(fn, params, **kw):
    params = list(params)
    grads = torch.autograd.grad(fn, params, allow_unused=True, **kw)
    return flatten([torch.zeros_like(p) if g is None else g for p, g in zip(params, grads)])


def get_params(model):
    return flatten([p.detach() for p in model.parameters()])


def set_params(model, flat):
    i = 0
    for p in model.parameters():
        p.data.copy_(flat[i:i + p.numel()].view_as(p))
        i += p.numel()


def conjugate_gradient(fvp, b, iters=10, tol=1e-10):
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    rr = r @ r
    for _ in range(iters):
        ap = fvp(p)
        a = rr / (p @ ap + 1e-12)
        x, r = x + a * p, r - a * ap
        new = r @ r
        if new < tol:
            break
        p, rr = r + new / rr * p, new
    return x


class CPO:
    def __init__(self, policy, max_kl=0.01, damping=1e-2):
        self.policy, self.max_kl, self.damping = policy, max_kl, damping

    def update(self, obs, act, adv):
        dist = self.policy(obs)
        imp_sampling = (dist.log_prob(act) - dist.log_prob(act).detach()).exp()
        reward_loss = -(imp_sampling * adv).mean()
        g = flat_grad(reward_loss, self.policy.parameters(), retain_graph=True)
        mean_kl = kl_divergence(dist, dist).mean()
        kl_grad = flat_grad(mean_kl, self.policy.parameters(), create_graph=True, retain_graph=True)

        def fvp(v):
            return flat_grad((kl_grad * v).sum(), self.policy.parameters(), retain_graph=True) + self.damping * v

        step_dir = conjugate_gradient(fvp, -g)
        shs = 0.5 * step_dir @ fvp(step_dir)
        full_step = step_dir * (self.max_kl / (shs + 1e-12)).sqrt()
        old = get_params(self.policy)
        with torch.no_grad():
            set_params(self.policy, old + full_step)
            new = self.policy(obs)
            kl = kl_divergence(Independent(Normal(dist.mean.detach(), dist.stddev.detach()), 1), new).mean()
            gain = ((new.log_prob(act) - dist.log_prob(act)).exp() * adv).mean()
        return kl.item(), gain.item()


def rollout(policy, n):
    obs = torch.randn(n, 4) * torch.tensor([1.0, 5.0, 0.2, 1.0])
    with torch.no_grad():
        act = policy(obs).sample()
    reward = -(act - torch.tanh(obs[:, :2])).pow(2).sum(-1)
    return obs, act, reward


def main():
    torch.manual_seed(0)
    policy = GaussianPolicy(4, 2)
    agent = CPO(policy)
    for it in range(40):
        obs, act, rew = rollout(policy, 1024)
        adv = (rew - rew.mean()) / (rew.std() + 1e-8)
        kl, gain = agent.update(obs, act, adv)
        if it % 8 == 0:
            print(f"iter {it:2d} reward {rew.mean():.3f} kl {kl:.4f} (limit {agent.max_kl}) surrogate gain {gain:.4f}")


if __name__ == "__main__":
    main()
