import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)


class ActorCritic(nn.Module):
    def __init__(self, obs=4, act=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(obs, 32), nn.Tanh())
        self.pi = nn.Linear(32, act)
        self.v = nn.Linear(32, 1)

    def forward(self, s):
        h = self.body(s)
        return torch.distributions.Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
gamma, lam, eps_clip, n_env, horizon = 0.99, 0.95, 0.2, 4, 16

state = torch.randn(n_env, 4)
for update in range(3):
    S, A, LP, R, V, M = [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(horizon):
            dist, v = net(state)
            a = dist.sample()
            S.append(state); A.append(a); LP.append(dist.log_prob(a)); V.append(v)
            R.append(state[:, 0] * (a.float() - 1))
            M.append((torch.rand(n_env) > 0.05).float())
            state = 0.9 * state + 0.4 * torch.randn(n_env, 4)
        next_v = net(state)[1]
        adv, gae = [], torch.zeros(n_env)
        for t in reversed(range(horizon)):
            delta = R[t] + gamma * next_v * M[t] - V[t]
            gae = delta + gamma * lam * M[t] * gae
            adv.insert(0, gae)
            next_v = V[t]
    S, A, old_lp = torch.cat(S), torch.cat(A), torch.cat(LP)
    adv, V = torch.cat(adv), torch.cat(V)
    returns = adv + V
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)

    for epoch in range(2):
        for idx in torch.randperm(S.size(0)).split(32):
            dist, value = net(S[idx])
            ratio = torch.exp(dist.log_prob(A[idx]) - old_lp[idx])
            surr1 = ratio * adv[idx]
            surr2 = ratio.clamp(1 - eps_clip, 1 + eps_clip) * adv[idx]
            pi_loss = -torch.min(surr1, surr2).mean()
            v_loss = F.mse_loss(value, returns[idx])
            loss = pi_loss + 0.5 * v_loss - 0.01 * dist.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
    print(f"update {update} pi {pi_loss.item():.4f} v {v_loss.item():.4f}")
