import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self, inp, hidden=32):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(inp, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())

    def forward(self, s):
        return self.model(s)


class ActorProb(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.preprocess = net
        self.mu = nn.Linear(32, 1)
        self.sigma = nn.Parameter(torch.zeros(1, 1))

    def forward(self, s):
        h = self.preprocess(s)
        mu = self.mu(h)
        return mu, self.sigma.exp().expand_as(mu)


class Critic(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.preprocess = net
        self.last = nn.Linear(32, 1)

    def forward(self, s):
        return self.last(self.preprocess(s))


class A2CPolicy:
    def __init__(self, actor, critic, optim, vf_coef=0.5, ent_coef=0.001):
        self.actor, self.critic, self.optim = actor, critic, optim
        self._w_vf, self._w_ent = vf_coef, ent_coef

    def act(self, obs):
        with torch.no_grad():
            return Normal(*self.actor(obs)).sample()

    def learn(self, obs, act, returns):
        dist = Normal(*self.actor(obs))
        v = self.critic(obs)
        r = returns
        a = (r - v).detach()
        a_loss = -(dist.log_prob(act) * a).mean()
        vf_loss = F.mse_loss(v, r[:, None])
        ent_loss = dist.entropy().mean()
        loss = a_loss + self._w_vf * vf_loss - self._w_ent * ent_loss
        self.optim.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(list(self.actor.parameters()) + list(self.critic.parameters()), 0.5)
        self.optim.step()
        return a_loss.item(), vf_loss.item()


K = torch.tensor([[1.0], [-0.7], [0.4]])
actor, critic = ActorProb(Net(3)), Critic(Net(3))
optim = torch.optim.Adam(list(actor.parameters()) + list(critic.parameters()), lr=3e-3)
policy = A2CPolicy(actor, critic, optim)

for it in range(400):
    obs = torch.randn(64, 3)
    act = policy.act(obs)
    rew = -(act - obs @ K).pow(2).squeeze(1)
    al, vl = policy.learn(obs, act, rew)
    if it % 80 == 0 or it == 399:
        print("it %3d reward %.3f actor loss %.3f vf loss %.3f" % (it, rew.mean().item(), al, vl))
