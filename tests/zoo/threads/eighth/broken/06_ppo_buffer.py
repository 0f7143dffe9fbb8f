import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(5)
N_CONTEXT, N_ACTION, HORIZON = 8, 4, 20


class SortingEnv:
    """Every item that arrives has one right bin; the next item is independent."""

    def __init__(self):
        self.right = torch.tensor([0, 3, 1, 2, 2, 0, 1, 3])

    def reset(self):
        self.t = 0
        return self._next()

    def _next(self):
        self.item = torch.randint(0, N_CONTEXT, ()).item()
        obs = torch.zeros(N_CONTEXT)
        obs[self.item] = 1.0
        return obs

    def step(self, action):
        reward = 1.0 if action == self.right[self.item].item() else 0.0
        self.t += 1
        return self._next(), reward, self.t >= HORIZON


class Buffer:
    def __init__(self, gamma, lam):
        self.gamma, self.lam = gamma, lam
        self.obs, self.act, self.logp, self.adv, self.ret = [], [], [], [], []
        self.path = []

    def store(self, obs, act, rew, val, logp):
        self.path.append((obs, act, rew, val, logp))

    def finish_path(self, last_val):
        vals = [p[3] for p in self.path] + [last_val]
        gae, ret = 0.0, last_val
        advs, rets = [], []
        for t in reversed(range(len(self.path))):
            rew = self.path[t][2]
            delta = rew + self.gamma * vals[t + 1] - vals[t]
            gae = delta + self.gamma * self.lam * gae
            ret = rew + self.gamma * ret
            advs.insert(0, gae)
            rets.insert(0, ret)
        for p, a, g in zip(self.path, advs, rets):
            self.obs.append(p[0]); self.act.append(p[1]); self.logp.append(p[4])
            self.adv.append(a); self.ret.append(g)
        self.path = []

    def get(self):
        adv = torch.tensor(self.adv)
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        return torch.stack(self.obs), torch.tensor(self.act), torch.tensor(self.logp), adv, torch.tensor(self.ret)


pi = nn.Sequential(nn.Linear(N_CONTEXT, 32), nn.Tanh(), nn.Linear(32, N_ACTION))
vf = nn.Sequential(nn.Linear(N_CONTEXT, 32), nn.Tanh(), nn.Linear(32, 1))
pi_opt = torch.optim.Adam(pi.parameters(), lr=3e-3)
vf_opt = torch.optim.Adam(vf.parameters(), lr=3e-3)
env = SortingEnv()

for epoch in range(40):
    buf = Buffer(gamma=0.0, lam=0.95)
    returns = []
    for episode in range(20):
        obs, rew, done, ep_ret = env.reset(), 0.0, False, 0.0
        while not done:
            with torch.no_grad():
                dist = Categorical(logits=pi(obs))
                act = dist.sample()
                val = vf(obs).item()
                logp = dist.log_prob(act).item()
            buf.store(obs, act.item(), rew, val, logp)
            obs, rew, done = env.step(act.item())
            ep_ret += rew
        buf.finish_path(last_val=rew)
        returns.append(ep_ret)

    obs_b, act_b, logp_b, adv_b, ret_b = buf.get()
    for _ in range(8):
        ratio = (Categorical(logits=pi(obs_b)).log_prob(act_b) - logp_b).exp()
        loss_pi = -torch.min(ratio * adv_b, ratio.clamp(0.8, 1.2) * adv_b).mean()
        pi_opt.zero_grad(); loss_pi.backward(); pi_opt.step()
    for _ in range(8):
        loss_v = ((vf(obs_b).squeeze(-1) - ret_b) ** 2).mean()
        vf_opt.zero_grad(); loss_v.backward(); vf_opt.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} return {sum(returns) / len(returns):.2f} / {HORIZON}")
