# QMIX on a toy cooperative matrix game with 2 agents, replay + periodic target sync
import random
import torch
import torch.nn as nn

torch.manual_seed(10)
random.seed(10)
N_AGENTS, N_ACT, OBS, STATE = 2, 3, 4, 6


class AgentQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(OBS, 24), nn.ReLU(), nn.Linear(24, N_ACT))

    def forward(self, obs):
        return self.net(obs)


class QMixer(nn.Module):
    def __init__(self, embed=8):
        super().__init__()
        self.w1 = nn.Linear(STATE, N_AGENTS * embed)
        self.b1 = nn.Linear(STATE, embed)
        self.w2 = nn.Linear(STATE, embed)
        self.b2 = nn.Linear(STATE, 1)
        self.embed = embed

    def forward(self, qs, state):
        w1 = self.w1(state).abs().view(-1, N_AGENTS, self.embed)
        h = torch.nn.functional.elu(torch.bmm(qs.unsqueeze(1), w1).squeeze(1) + self.b1(state))
        return (h * self.w2(state).abs()).sum(1, keepdim=True) + self.b2(state)


class Policy:
    def __init__(self, gamma=0.9, lr=5e-3, target_update_cycle=10):
        self.eval_net, self.target_net = AgentQ(), AgentQ()
        self.eval_mix, self.target_mix = QMixer(), QMixer()
        self.target_net.load_state_dict(self.eval_net.state_dict())
        self.target_mix.load_state_dict(self.eval_mix.state_dict())
        self.params = list(self.eval_net.parameters()) + list(self.eval_mix.parameters())
        self.optimizer = torch.optim.RMSprop(self.params, lr=lr)
        self.gamma, self.cycle = gamma, target_update_cycle

    def learn(self, batch, train_step):
        s, o, a, r, s2, o2 = batch
        q = self.eval_net(o).gather(2, a.unsqueeze(-1)).squeeze(-1)
        q_total = self.eval_mix(q, s)
        with torch.no_grad():
            q_next = self.target_net(o2).max(2).values
            target = r + self.gamma * self.target_mix(q_next, s2)
        loss = ((q_total - target) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.params, 10)
        self.optimizer.step()
        if train_step > 0 and train_step % self.cycle == 0:
            self.target_net.load_state_dict(self.eval_net.state_dict())
            self.target_mix.load_state_dict(self.target_mix.state_dict())
        return loss.item(), q_total.mean().item()


def transitions(n=64):
    s, s2 = torch.randn(n, STATE), torch.randn(n, STATE)
    o, o2 = s[:, None, :OBS].repeat(1, N_AGENTS, 1), s2[:, None, :OBS].repeat(1, N_AGENTS, 1)
    a = torch.randint(0, N_ACT, (n, N_AGENTS))
    r = (a[:, 0] == a[:, 1]).float().unsqueeze(1) * 2 + 1
    return s, o, a, r, s2, o2


policy = Policy()
for t in range(120):
    loss, q = policy.learn(transitions(), t)
    if t % 30 == 29:
        print(f"train step {t + 1} td loss {loss:.4f} q_total {q:.3f}")
