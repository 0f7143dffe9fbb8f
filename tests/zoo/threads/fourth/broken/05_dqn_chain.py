import torch as th
from torch import nn
import torch.nn.functional as F

th.manual_seed(5)


class FlattenExtractor(nn.Module):
    def __init__(self, obs_dim, features_dim=32):
        super().__init__()
        self.features_dim = features_dim
        self.net = nn.Sequential(nn.Linear(obs_dim, features_dim), nn.ReLU())

    def forward(self, obs):
        return self.net(obs)


class QNetwork(nn.Module):
    def __init__(self, features_extractor, n_actions):
        super().__init__()
        self.features_extractor = features_extractor
        self.q_net = nn.Sequential(nn.Linear(features_extractor.features_dim, 32), nn.ReLU(), nn.Linear(32, n_actions))

    def forward(self, obs):
        return self.q_net(self.features_extractor(obs))


class DQNPolicy(nn.Module):
    def __init__(self, obs_dim, n_actions, lr):
        super().__init__()
        self.n_actions = n_actions
        self.features_extractor = FlattenExtractor(obs_dim)
        self.q_net = self.make_q_net()
        self.q_net_target = self.make_q_net()
        self.q_net_target.load_state_dict(self.q_net.state_dict())
        self.optimizer = th.optim.Adam(self.q_net.parameters(), lr=lr)

    def make_q_net(self):
        return QNetwork(self.features_extractor, self.n_actions)


class Chain:
    def __init__(self, n=10):
        self.n = n

    def batch(self, size):
        s = th.randint(0, self.n, (size,))
        a = th.randint(0, 2, (size,))
        s2 = (s + 2 * a - 1).clamp(0, self.n - 1)
        done = (s2 == self.n - 1).float()
        return F.one_hot(s, self.n).float(), a, done, F.one_hot(s2, self.n).float(), done


env = Chain()
policy = DQNPolicy(10, 2, lr=2e-3)
gamma, target_update_interval = 0.95, 100
for step in range(1, 1001):
    obs, actions, rewards, next_obs, dones = env.batch(64)
    with th.no_grad():
        target_q = policy.q_net_target(next_obs).max(dim=1).values
        target_q = rewards + (1 - dones) * gamma * target_q
    current_q = policy.q_net(obs).gather(1, actions[:, None]).squeeze(1)
    loss = F.smooth_l1_loss(current_q, target_q)
    policy.optimizer.zero_grad()
    loss.backward()
    th.nn.utils.clip_grad_norm_(policy.q_net.parameters(), 10)
    policy.optimizer.step()
    if step % target_update_interval == 0:
        policy.q_net_target.load_state_dict(policy.q_net.state_dict())
        start = policy.q_net(F.one_hot(th.tensor([0]), 10).float())
        print(step, "loss %.5f  Q(s0) %s" % (loss.item(), [round(v, 3) for v in start[0].tolist()]))
