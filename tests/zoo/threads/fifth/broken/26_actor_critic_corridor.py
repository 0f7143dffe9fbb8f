import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical


class Corridor:
    def __init__(self, length=7, horizon=25):
        self.length, self.horizon = length, horizon

    def reset(self):
        self.pos, self.t = 0, 0
        return self.state()

    def state(self):
        s = torch.zeros(self.length)
        s[self.pos] = 1.0
        return s

    def step(self, action):
        self.pos = max(0, min(self.length - 1, self.pos + (1 if action == 2 else -1 if action == 0 else 0)))
        self.t += 1
        goal = self.pos == self.length - 1
        return self.state(), 1.0 if goal else -0.02, goal or self.t >= self.horizon


class SharedNet(nn.Module):
    def __init__(self, d_in, n_act, hidden=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d_in, hidden), nn.Tanh())
        self.actor, self.critic = nn.Linear(hidden, n_act), nn.Linear(hidden, 1)

    def forward(self, s):
        h = self.body(s)
        return self.actor(h), self.critic(h).squeeze(-1)


class OnPolicyMemory:
    def __init__(self):
        self.reset()

    def reset(self):
        self.states, self.actions, self.rewards, self.log_probs, self.entropies = [], [], [], [], []

    def update(self, s, a, r, lp, ent):
        self.states.append(s)
        self.actions.append(a)
        self.rewards.append(r)
        self.log_probs.append(lp)
        self.entropies.append(ent)


class ActorCritic:
    def __init__(self, env, args):
        self.env, self.args = env, args
        self.net = SharedNet(env.length, 3)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=args.lr)
        self.memory = OnPolicyMemory()

    def act(self, state):
        logits, _ = self.net(state)
        dist = Categorical(logits=logits)
        action = dist.sample()
        return action.item(), dist.log_prob(action), dist.entropy()

    def calc_returns(self):
        out, g = [], 0.0
        for r in reversed(self.memory.rewards):
            g = r + self.args.gamma * g
            out.insert(0, g)
        return torch.tensor(out)

    def train_episode(self):
        returns = self.calc_returns()
        _, values = self.net(torch.stack(self.memory.states))
        advs = (returns - values).detach()
        log_probs = torch.tensor(self.memory.log_probs)
        entropies = torch.tensor(self.memory.entropies)
        policy_loss = -(log_probs * advs).mean() - self.args.entropy_coef * entropies.mean()
        val_loss = F.mse_loss(values, returns)
        loss = policy_loss + self.args.val_loss_coef * val_loss
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.opt.step()
        self.memory.reset()
        return policy_loss.item(), val_loss.item()

    def run_episode(self):
        state, done, total = self.env.reset(), False, 0.0
        while not done:
            a, lp, ent = self.act(state)
            nxt, r, done = self.env.step(a)
            self.memory.update(state, a, r, lp, ent)
            state, total = nxt, total + r
        return total


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--episodes", type=int, default=120)
    p.add_argument("--gamma", type=float, default=0.97)
    p.add_argument("--lr", type=float, default=5e-3)
    p.add_argument("--entropy_coef", type=float, default=0.01)
    p.add_argument("--val_loss_coef", type=float, default=0.5)
    args = p.parse_args()
    torch.manual_seed(0)
    agent, scores = ActorCritic(Corridor(), args), []
    for ep in range(args.episodes):
        scores.append(agent.run_episode())
        pl, vl = agent.train_episode()
        if (ep + 1) % 20 == 0:
            print(f"episode {ep + 1:3d} mean score {sum(scores[-20:]) / 20:.3f} policy loss {pl:.4f} value loss {vl:.4f}")


if __name__ == "__main__":
    main()
