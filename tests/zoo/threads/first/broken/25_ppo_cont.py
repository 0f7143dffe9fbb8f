import torch
import torch.nn as nn
from torch.distributions import Normal


class Memory:
    def __init__(self):
        self.actions, self.states, self.logprobs, self.rewards = [], [], [], []

    def clear(self):
        self.__init__()


class ActorCritic(nn.Module):
    def __init__(self, state_dim, action_dim, std=0.5):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(state_dim, 32), nn.Tanh(), nn.Linear(32, action_dim), nn.Tanh())
        self.critic = nn.Sequential(nn.Linear(state_dim, 32), nn.Tanh(), nn.Linear(32, 1))
        self.log_std = nn.Parameter(torch.full((action_dim,), std).log())

    def dist(self, state):
        return Normal(self.actor(state), self.log_std.exp())

    @torch.no_grad()
    def act(self, state, memory):
        d = self.dist(state)
        action = d.sample()
        memory.states.append(state)
        memory.actions.append(action)
        memory.logprobs.append(d.log_prob(action).sum(-1))
        return action

    def evaluate(self, state, action):
        d = self.dist(state)
        return d.log_prob(action).sum(-1), self.critic(state).squeeze(-1), d.entropy().sum(-1)


class PPO:
    def __init__(self, state_dim, action_dim, lr=3e-3, gamma=0.99, K_epochs=3, eps_clip=0.2):
        self.gamma, self.K_epochs, self.eps_clip = gamma, K_epochs, eps_clip
        self.policy = ActorCritic(state_dim, action_dim)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=lr)

    def update(self, memory):
        rewards, running = [], 0.0
        for r in reversed(memory.rewards):
            running = r + self.gamma * running
            rewards.insert(0, running)
        rewards = torch.tensor(rewards)
        rewards = (rewards - rewards.mean()) / (rewards.std() + 1e-5)
        old_states, old_actions = torch.stack(memory.states), torch.stack(memory.actions)
        old_logprobs = torch.stack(memory.logprobs)
        for _ in range(self.K_epochs):
            logprobs, values, entropy = self.policy.evaluate(old_states, old_actions)
            ratios = torch.exp(logprobs - old_logprobs).detach()
            advantages = rewards - values.detach()
            surr1 = ratios * advantages
            surr2 = torch.clamp(ratios, 1 - self.eps_clip, 1 + self.eps_clip) * advantages
            loss = (-torch.min(surr1, surr2) + 0.5 * (values - rewards) ** 2 - 0.01 * entropy).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return loss.item()


torch.manual_seed(0)
ppo, memory = PPO(4, 2), Memory()
for episode in range(2):
    for t in range(40):
        s = torch.randn(4)
        a = ppo.policy.act(s, memory)
        memory.rewards.append(-(a - s[:2]).pow(2).sum().item())
    print("episode", episode, "loss", ppo.update(memory), "return", sum(memory.rewards))
    memory.clear()
