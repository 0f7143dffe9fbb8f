import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class AgentQ(nn.Module):
    def __init__(self, obs=5, n_actions=4):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs, 32), nn.ReLU(), nn.Linear(32, n_actions))

    def forward(self, o):
        return self.net(o)


class QMixNet(nn.Module):
    def __init__(self, n_agents=3, state=8, hid=16):
        super().__init__()
        self.n_agents, self.hid = n_agents, hid
        self.hyper_w1, self.hyper_b1 = nn.Linear(state, n_agents * hid), nn.Linear(state, hid)
        self.hyper_w2, self.hyper_b2 = nn.Linear(state, hid), nn.Linear(state, 1)

    def forward(self, qs, s):
        w1 = self.hyper_w1(s).abs().view(-1, self.n_agents, self.hid)
        h = F.elu(torch.bmm(qs.unsqueeze(1), w1) + self.hyper_b1(s).unsqueeze(1))
        w2 = self.hyper_w2(s).abs().unsqueeze(-1)
        return (torch.bmm(h, w2).squeeze(-1) + self.hyper_b2(s)).squeeze(-1)


class QMixPolicy:
    def __init__(self, target_update=2, gamma=0.99):
        self.eval_rnn, self.eval_qmix_net = AgentQ(), QMixNet()
        self.target_rnn, self.target_qmix_net = copy.deepcopy(self.eval_rnn), copy.deepcopy(self.eval_qmix_net)
        self.params = list(self.eval_rnn.parameters()) + list(self.eval_qmix_net.parameters())
        self.optimizer = torch.optim.RMSprop(self.params, lr=5e-3)
        self.gamma, self.target_update = gamma, target_update

    def learn(self, batch, train_step):
        o, u, r, o2, s, s2 = batch
        q = self.eval_rnn(o).gather(2, u.unsqueeze(-1)).squeeze(-1)
        q_total = self.eval_qmix_net(q, s)
        with torch.no_grad():
            q_next = self.target_rnn(o2).max(2).values
            target = r + self.gamma * self.target_qmix_net(q_next, s2)
        loss = (q_total - target).pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.params, 10)
        self.optimizer.step()
        if train_step > 0 and train_step % self.target_update == 0:
            self.target_rnn.load_state_dict(self.eval_rnn.state_dict())
            self.target_qmix_net.load_state_dict(self.target_qmix_net.state_dict())
        return loss.item()


torch.manual_seed(2)
policy = QMixPolicy()
B = 32
for step in range(6):
    batch = (torch.randn(B, 3, 5), torch.randint(0, 4, (B, 3)), torch.randn(B),
             torch.randn(B, 3, 5), torch.randn(B, 8), torch.randn(B, 8))
    print("train step", step, "td loss", policy.learn(batch, step))
